// Products of W with one token or several, on a CPU: what a step of writing (slm/step.c) spends its time on.
//
// One token's product waits for memory, which is read from end to end once. Of several tokens each number that was read
// has to meet all before the next comes, so they are made in tiles of ROWS by TOKENS.

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {          // W x + b
    const void *weight;   // (out, in): float32, or int8 where there is a scale
    const float *scale;   // (out,) of each int8 row; NULL for float32
    const int32_t *sum;   // (out,) of each int8 row's numbers
    const float *bias;    // (out,) or NULL
    int64_t out, in;
} Matrix;

// Before a product with int8 rows each token's numbers are rounded as well, with a step of their own (LLM.int8(),
// Dettmers et al. 2022, section 2.1). Bytes without a sign are what processors multiply with bytes that have one.
enum { LEVELS = 127, ZERO = 128 };

enum { ROWS = 8, TOKENS = 8 };  // of the tile that a product makes at a time

typedef float Lanes __attribute__((vector_size(4 * TOKENS), aligned(4)));

typedef struct {   // x (N, in) once more, as a product reads it
    uint8_t *u;    // (N, in) rounded, for int8 rows
    float *step;   // (N,) of the rounded
    Lanes *lanes;  // (N / TOKENS rounded up, in): the tokens side by side, for several by float32 rows
} Room;

typedef enum { NONE, GELU, SQUARED_RELU } Bend;

// e^x to 2 units in the last place: 2^n e^r with |r| <= ln 2 / 2, and a polynomial for e^r (Moshier, Cephes, expf). The
// library's expf takes one number at a time, this one as many as a vector holds.
static inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float n = rintf(x * 1.44269504f), r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    union { int32_t bits; float value; } power = {((int32_t)n + 127) * (1 << 23)};
    return (p * r * r + r + 1.0f) * power.value;
}

static inline float bent(float h, Bend bend) {
    if (bend == GELU)  // h (1 + tanh(u)) / 2, as h / (1 + e^-2u)
        return h / (1.0f + exponential(-2.0f * 0.7978845608f * (h + 0.044715f * h * h * h)));
    if (bend == SQUARED_RELU) return h > 0.0f ? h * h : 0.0f;
    return h;
}

// A row is fetched a page before it is needed: what a processor fetches by itself ends with the page.
enum { AHEAD = 4096 };

typedef float Wide __attribute__((vector_size(64), aligned(4)));

// One row from end to end: a processor keeps up with one stream of memory, with several it does not. Four sums, because
// one would wait for itself.
static float dot(const float *w, const float *x, int64_t n) {
    Wide sums[4] = {{0}};
    float a = 0;
    int64_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (int64_t k = 0; k < 4; k++) {
            __builtin_prefetch((const char *)(w + i + 16 * k) + AHEAD);
            sums[k] += *(const Wide *)(w + i + 16 * k) * *(const Wide *)(x + i + 16 * k);
        }
    sums[0] += sums[1] + sums[2] + sums[3];
    for (int64_t k = 0; k < 16; k++) a += sums[0][k];
    for (; i < n; i++) a += w[i] * x[i];
    return a;
}

static int32_t dot_int8(const int8_t *w, const uint8_t *u, int64_t n) {
    int32_t a = 0;
    for (int64_t i = 0; i < n; i += 64) __builtin_prefetch(w + i + AHEAD);
    for (int64_t i = 0; i < n; i++) a += (int32_t)w[i] * (int32_t)u[i];  // with VNNI one instruction for 64
    return a;
}

// The same row by four tokens' numbers, u (4, n): it is read once.
static void dots_int8(const int8_t *w, const uint8_t *u, int64_t n, int32_t sums[4]) {
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int64_t i = 0; i < n; i++) {
        a += (int32_t)w[i] * (int32_t)u[i];
        b += (int32_t)w[i] * (int32_t)u[n + i];
        c += (int32_t)w[i] * (int32_t)u[2 * n + i];
        d += (int32_t)w[i] * (int32_t)u[3 * n + i];
    }
    sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

// Fetches the row that stands ROWS further on, while this tile is computed: so many streams no processor foresees.
static void fetch_ahead(const char *row, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + ROWS * bytes + i);
}

// ROWS rows w by TOKENS tokens side by side, lanes (n,): a number of a row meets all tokens at once.
static void tile(const float *w, const Lanes *lanes, int64_t n, float sums[TOKENS][ROWS]) {
    Lanes a[ROWS] = {0};
    for (int64_t i = 0; i < n; i++) {
        if (i % 16 == 0)  // as fetch_ahead does, for all rows at once
            for (int64_t r = 0; r < ROWS; r++) __builtin_prefetch(w + (ROWS + r) * n + i);
        for (int64_t r = 0; r < ROWS; r++) a[r] += w[r * n + i] * lanes[i];
    }
    for (int64_t t = 0; t < TOKENS; t++)
        for (int64_t r = 0; r < ROWS; r++) sums[t][r] = a[r][t];
}

// At most ROWS rows w by at most TOKENS tokens' rounded numbers, u (few, n).
static void tile_int8(const int8_t *w, const uint8_t *u, int64_t n, int64_t rows, int64_t few,
                      int32_t sums[TOKENS][ROWS]) {
    for (int64_t r = 0; r < rows; r++) {
        int64_t t = 0;
        if (few > 1) fetch_ahead((const char *)(w + r * n), n);
        for (int32_t four[4]; t + 4 <= few; t += 4) {
            dots_int8(w + r * n, u + t * n, n, four);
            for (int64_t i = 0; i < 4; i++) sums[t + i][r] = four[i];
        }
        for (; t < few; t++) sums[t][r] = dot_int8(w + r * n, u + t * n, n);
    }
}

// Rows o to o + rows of W by the tokens n to n + few of x (N, in), at most ROWS by TOKENS.
static void products(const Matrix *m, int64_t o, int64_t rows, const float *x, const Room *room, int64_t n, int64_t few,
                     float sums[TOKENS][ROWS]) {
    int64_t in = m->in;
    if (m->scale) {
        int32_t whole[TOKENS][ROWS];
        tile_int8((const int8_t *)m->weight + o * in, room->u + n * in, in, rows, few, whole);
        for (int64_t t = 0; t < few; t++)
            for (int64_t r = 0; r < rows; r++)
                sums[t][r] = (float)(whole[t][r] - ZERO * m->sum[o + r]) * m->scale[o + r] * room->step[n + t];
        return;
    }
    const float *w = (const float *)m->weight + o * in;
    if (few > 1 && rows == ROWS) tile(w, room->lanes + n / TOKENS * in, in, sums);
    else
        for (int64_t r = 0; r < rows; r++)
            for (int64_t t = 0; t < few; t++) sums[t][r] = dot(w + r * in, x + (n + t) * in, in);
}

// x (n,) as numbers 1 to 255, zero at 128, into u (n,); the size of a step.
static float rounded(const float *x, uint8_t *u, int64_t n) {
    float peak = 0;
#pragma omp simd reduction(max : peak)
    for (int64_t i = 0; i < n; i++) peak = fmaxf(peak, fabsf(x[i]));
    float steps = peak > 0 ? LEVELS / peak : 0;
    for (int64_t i = 0; i < n; i++) u[i] = (uint8_t)(x[i] * steps + (ZERO + 0.5f));
    return peak / LEVELS;
}

// x (N, in) into the room, as these weights are multiplied by it.
static void arrange(const Matrix *m, const float *x, const Room *room, int64_t N) {
    int64_t in = m->in;
    if (m->scale) {
#pragma omp for schedule(static)
        for (int64_t n = 0; n < N; n++) room->step[n] = rounded(x + n * in, room->u + n * in, in);
    } else if (N > 1) {
#pragma omp for schedule(static) collapse(2)
        for (int64_t n = 0; n < N; n += TOKENS)
            for (int64_t i = 0; i < in; i++)
                for (int64_t t = 0; t < TOKENS; t++)
                    room->lanes[n / TOKENS * in + i][t] = n + t < N ? x[(n + t) * in + i] : 0.0f;
    }
}

// y (N, out) = bent(W x + b) + onto, for x (N, in) and onto (N, out) or NULL, which may be y.
static void multiply(const Matrix *m, const float *x, const float *onto, float *y, int64_t N, Bend bend,
                     const Room *room) {
    int64_t out = m->out;
    arrange(m, x, room, N);
#pragma omp for schedule(static) collapse(2)
    for (int64_t o = 0; o < out; o += ROWS)
        for (int64_t n = 0; n < N; n += TOKENS) {
            int64_t rows = out - o < ROWS ? out - o : ROWS, few = N - n < TOKENS ? N - n : TOKENS;
            float sums[TOKENS][ROWS];
            products(m, o, rows, x, room, n, few, sums);
            for (int64_t t = 0; t < few; t++)
                for (int64_t r = 0, at = (n + t) * out + o; r < rows; r++) {
                    float h = bent(sums[t][r] + (m->bias ? m->bias[o + r] : 0.0f), bend);
                    y[at + r] = onto ? h + onto[at + r] : h;
                }
        }
}
