// One token more for each of B stories: the forward of slm.model for a single position, on a CPU.
//
// A small model's token costs one pass over its weights. Started operation by operation from Python, half of the time
// goes elsewhere; here a step is one call. slm/native.py compiles this file, slm/compiled_step.py fills these structs;
// slm/decode.py has the same step in torch, for where there is no compiler, and the tests hold them together.
//
// B stories, C channels = H heads x D, V vocabulary, S tokens seen with the new one. All arrays are contiguous.
// `omp for` shares a loop among the threads of the team that meets it, which wait for each other at its end.

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

typedef struct {          // LayerNorm, or without weights RMSNorm
    const float *weight;  // (C,) or NULL
    const float *bias;    // (C,) or NULL
} Norm;

typedef struct {
    Norm ln_1, ln_2;
    Matrix c_attn, c_proj, c_fc, mlp_proj;
} Layer;

typedef struct {
    int64_t n_layer, n_head, head_size, vocab_size;
    float eps, softcap;        // softcap 0: none
    const float *wte;          // (V, C)
    const float *wpe;          // (block_size, C) learned positions; NULL: rotary, normalised heads, squared ReLU
    const float *cos, *sin;    // 2 x (block_size, D/2), where positions are rotary
    const Layer *layers;
    Norm ln_f;
    Matrix lm_head;
} Model;

// Before a product with int8 rows each token's numbers are rounded as well, with a step of their own (LLM.int8(),
// Dettmers et al. 2022, section 2.1). Bytes without a sign are what processors multiply with bytes that have one.
enum { LEVELS = 127, ZERO = 128 };

typedef struct {
    uint8_t *u;   // (N, in)
    float *step;  // (N,)
} Rounded;

typedef enum { NONE, GELU, SQUARED_RELU } Bend;

static float bent(float h, Bend bend) {
    if (bend == GELU)  // h (1 + tanh(u)) / 2, as h / (1 + e^-2u)
        return h / (1.0f + expf(-2.0f * 0.7978845608f * (h + 0.044715f * h * h * h)));
    if (bend == SQUARED_RELU) return h > 0.0f ? h * h : 0.0f;
    return h;
}

// One row from end to end: what a processor fetches ahead of a single stream keeps up with memory, of several it does not.
static float dot(const float *w, const float *x, int64_t n) {
    float a = 0;
#pragma omp simd reduction(+ : a)
    for (int64_t i = 0; i < n; i++) a += w[i] * x[i];
    return a;
}

static int32_t dot_int8(const int8_t *w, const uint8_t *u, int64_t n) {
    int32_t a = 0;
    for (int64_t i = 0; i < n; i++) a += (int32_t)w[i] * (int32_t)u[i];  // with VNNI one instruction for 64
    return a;
}

// The same row by four tokens' numbers, x (4, n): it is read and widened once.
static void dots(const float *w, const float *x, int64_t n, float sums[4]) {
    float a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
    for (int64_t i = 0; i < n; i++) {
        a += w[i] * x[i];
        b += w[i] * x[n + i];
        c += w[i] * x[2 * n + i];
        d += w[i] * x[3 * n + i];
    }
    sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

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

// x (n,) as numbers 1 to 255, zero at 128, into u (n,); the size of a step.
static float rounded(const float *x, uint8_t *u, int64_t n) {
    float peak = 0;
#pragma omp simd reduction(max : peak)
    for (int64_t i = 0; i < n; i++) peak = fmaxf(peak, fabsf(x[i]));
    float steps = peak > 0 ? LEVELS / peak : 0;
    for (int64_t i = 0; i < n; i++) u[i] = (uint8_t)(x[i] * steps + (ZERO + 0.5f));
    return peak / LEVELS;
}

// Row o of W by the tokens n to n + few of x (N, in), few being 1 or 4.
static void products(const Matrix *m, int64_t o, const float *x, const Rounded *r, int64_t n, int64_t few, float *sums) {
    int64_t in = m->in;
    if (!m->scale) {
        const float *w = (const float *)m->weight + o * in;
        if (few == 4) dots(w, x + n * in, in, sums);
        else sums[0] = dot(w, x + n * in, in);
        return;
    }
    const int8_t *w = (const int8_t *)m->weight + o * in;
    int32_t whole[4];
    if (few == 4) dots_int8(w, r->u + n * in, in, whole);
    else whole[0] = dot_int8(w, r->u + n * in, in);
    for (int64_t i = 0; i < few; i++) sums[i] = (float)(whole[i] - ZERO * m->sum[o]) * m->scale[o] * r->step[n + i];
}

// y (N, out) = bent(W x + b) + onto, for x (N, in) and onto (N, out) or NULL, which may be y.
static void multiply(const Matrix *m, const float *x, const float *onto, float *y, int64_t N, Bend bend, Rounded *r) {
    int64_t in = m->in, out = m->out;
    if (m->scale) {
#pragma omp for schedule(static)
        for (int64_t n = 0; n < N; n++) r->step[n] = rounded(x + n * in, r->u + n * in, in);
    }
#pragma omp for schedule(static)
    for (int64_t o = 0; o < out; o++) {
        float bias = m->bias ? m->bias[o] : 0.0f;
        for (int64_t n = 0, few; n < N; n += few) {
            float sums[4];
            few = N - n < 4 ? 1 : 4;
            products(m, o, x, r, n, few, sums);
            for (int64_t i = 0; i < few; i++) {
                float h = bent(sums[i] + bias, bend);
                y[(n + i) * out + o] = onto ? h + onto[(n + i) * out + o] : h;
            }
        }
    }
}

// y = x / rms(x) (Zhang and Sennrich 2019), for vectors of n; y may be x.
static void rms_norm(const float *x, float *y, int64_t n, float eps) {
    float scale = 1.0f / sqrtf(dot(x, x, n) / (float)n + eps);
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * scale;
}

// The norm of x (B, C) into y (B, C), which may be x.
static void norm(const Norm *m, const float *x, float *y, int64_t B, int64_t C, float eps) {
#pragma omp for schedule(static)
    for (int64_t b = 0; b < B; b++) {
        const float *row = x + b * C;
        float *to = y + b * C, mean = 0;
        if (!m->weight) {
            rms_norm(row, to, C, eps);
            continue;
        }
#pragma omp simd reduction(+ : mean)
        for (int64_t i = 0; i < C; i++) mean += row[i];
        mean /= (float)C;
        for (int64_t i = 0; i < C; i++) to[i] = row[i] - mean;
        rms_norm(to, to, C, eps);
        for (int64_t i = 0; i < C; i++) to[i] = to[i] * m->weight[i] + m->bias[i];
    }
}

// Turns each pair of channels of x (D,) by its position's angles (Su et al. 2021, section 3.4), then normalises.
static void turn(float *x, const float *cos, const float *sin, int64_t D, float eps) {
    for (int64_t i = 0, half = D / 2; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos[i] + b * sin[i];
        x[i + half] = b * cos[i] - a * sin[i];
    }
    rms_norm(x, x, D, eps);
}

// One head's q (D,) over its S keys and values (S, D) into y (D,) (Vaswani et al. 2017, section 3.2.1); scores (S,).
static void attend(const float *q, const float *k, const float *v, float *scores, float *y, int64_t S, int64_t D) {
    float most = -INFINITY, sum = 0, scale = 1.0f / sqrtf((float)D);
    for (int64_t s = 0; s < S; s++) {
        scores[s] = dot(k + s * D, q, D) * scale;
        if (scores[s] > most) most = scores[s];
    }
    for (int64_t s = 0; s < S; s++) sum += scores[s] = expf(scores[s] - most);
    memset(y, 0, D * sizeof(float));
    for (int64_t s = 0; s < S; s++) {
        float p = scores[s] / sum;
        for (int64_t i = 0; i < D; i++) y[i] += p * v[s * D + i];
    }
}

// ids (B,) at `position`; keys and values (L, B, H, room, D) are read up to there and written at it; scores of what
// may follow go into logits (B, V). `memory` has room for B * (1 + 6 * C + mlp_size + H * room) floats, `bytes` for B
// of the longest rows that a matrix takes. Gives 0, or 1 where an id is not in the vocabulary.
int slm_step(const Model *m, const int64_t *ids, int64_t B, int64_t position, float *keys, float *values, int64_t room,
             float *memory, uint8_t *bytes, float *logits, int threads) {
    int64_t H = m->n_head, D = m->head_size, C = H * D, V = m->vocab_size;
    float *x = memory, *n = x + B * C, *qkv = n + B * C, *y = qkv + 3 * B * C, *scores = y + B * C;
    float *h = scores + B * H * room;
    Rounded r = {bytes, h + B * m->layers->c_fc.out};
    Norm none = {NULL, NULL};
    for (int64_t b = 0; b < B; b++)
        if (ids[b] < 0 || ids[b] >= V) return 1;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t b = 0; b < B; b++)
            for (int64_t i = 0; i < C; i++)
                x[b * C + i] = m->wte[ids[b] * C + i] + (m->wpe ? m->wpe[position * C + i] : 0.0f);
        if (!m->wpe) norm(&none, x, x, B, C, m->eps);
        for (int64_t layer = 0; layer < m->n_layer; layer++) {
            const Layer *l = m->layers + layer;
            norm(&l->ln_1, x, n, B, C, m->eps);
            multiply(&l->c_attn, n, NULL, qkv, B, NONE, &r);
#pragma omp for schedule(static)
            for (int64_t head = 0; head < B * H; head++) {
                float *q = qkv + (head / H) * 3 * C + (head % H) * D;
                float *k = keys + (layer * B * H + head) * room * D, *v = values + (layer * B * H + head) * room * D;
                if (!m->wpe) {
                    turn(q, m->cos + position * (D / 2), m->sin + position * (D / 2), D, m->eps);
                    turn(q + C, m->cos + position * (D / 2), m->sin + position * (D / 2), D, m->eps);
                }
                memcpy(k + position * D, q + C, D * sizeof(float));
                memcpy(v + position * D, q + 2 * C, D * sizeof(float));
                attend(q, k, v, scores + head * room, y + head * D, position + 1, D);
            }
            multiply(&l->c_proj, y, x, x, B, NONE, &r);
            norm(&l->ln_2, x, n, B, C, m->eps);
            multiply(&l->c_fc, n, NULL, h, B, m->wpe ? GELU : SQUARED_RELU, &r);
            multiply(&l->mlp_proj, h, x, x, B, NONE, &r);
        }
        norm(&m->ln_f, x, n, B, C, m->eps);
        multiply(&m->lm_head, n, NULL, logits, B, NONE, &r);
        if (m->softcap > 0) {
#pragma omp for schedule(static)
            for (int64_t i = 0; i < B * V; i++) logits[i] = m->softcap * tanhf(logits[i] / m->softcap);
        }
    }
    return 0;
}

// y (N, out) = W x + b for x (N, in), with room for N x in bytes and N floats in between.
void slm_multiply(const Matrix *m, const float *x, float *y, int64_t N, uint8_t *bytes, float *steps, int threads) {
    Rounded r = {bytes, steps};
#pragma omp parallel num_threads(threads)
    multiply(m, x, NULL, y, N, NONE, &r);
}
