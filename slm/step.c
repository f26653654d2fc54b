// One token more for each of B stories: the forward of slm.model for a single position, on a CPU.
//
// A small model's token costs one pass over its weights. Started operation by operation from Python, half of the time
// goes elsewhere; here a step is one call. slm/native.py compiles this file, slm/compiled_step.py fills these structs;
// slm/decode.py has the same step in torch, for where there is no compiler, and the tests hold them together.
//
// B stories, C channels = H heads x D, V vocabulary, S tokens seen with the new one. All arrays are contiguous.
// `omp for` shares a loop among the threads of the team that meets it, which wait for each other at its end.

#include "product.h"

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

// A number of a key or value: float32, or with `halved` the upper half of one (bfloat16).
static inline float number(const void *numbers, int64_t i, int halved) {
    if (!halved) return ((const float *)numbers)[i];
    union { uint32_t bits; float value; } whole = {(uint32_t)((const uint16_t *)numbers)[i] << 16};
    return whole.value;
}

// x (D,) as keys or values keep it, from number `at` on; halved to the nearest, of two as near to the even one.
static void keep(void *numbers, int64_t at, const float *x, int64_t D, int halved) {
    if (!halved) memcpy((float *)numbers + at, x, D * sizeof(float));
    else
        for (int64_t i = 0; i < D; i++) {
            union { float value; uint32_t bits; } whole = {x[i]};
            ((uint16_t *)numbers)[at + i] = (uint16_t)((whole.bits + 0x7fff + (whole.bits >> 16 & 1)) >> 16);
        }
}

// One head's q (D,) over its S keys and values (S, D), from number `at` on, into y (D,) (Vaswani et al. 2017, section
// 3.2.1); scores (S,). Inline, so that each kind of number has loops of its own.
static inline void attend(const float *q, const void *keys, const void *values, int64_t at, float *scores, float *y,
                          int64_t S, int64_t D, int halved) {
    float most = -INFINITY, sum = 0, scale = 1.0f / sqrtf((float)D);
    for (int64_t s = 0; s < S; s++) {
        float score = 0;
#pragma omp simd reduction(+ : score)
        for (int64_t i = 0; i < D; i++) score += q[i] * number(keys, at + s * D + i, halved);
        scores[s] = score * scale;
        if (scores[s] > most) most = scores[s];
    }
#pragma omp simd reduction(+ : sum)
    for (int64_t s = 0; s < S; s++) sum += scores[s] = exponential(scores[s] - most);
    memset(y, 0, D * sizeof(float));
    for (int64_t s = 0; s < S; s++) {
        float p = scores[s] / sum;
#pragma omp simd
        for (int64_t i = 0; i < D; i++) y[i] += p * number(values, at + s * D + i, halved);
    }
}

// ids (B,) at `position`; keys and values (L, B, H, room, D), `halved` or not, are read up to there and written at it;
// scores of what may follow go into logits (B, V). `memory` has room for slm_floats(B, longest) and
// B * (6 * C + mlp_size + H * room) floats, `bytes` for B * longest; longest is the longest row of a matrix. Gives 0, or
// 1 where an id is not in the vocabulary.
int slm_step(const Model *m, const int64_t *ids, int64_t B, int64_t position, void *keys, void *values, int halved,
             int64_t room, float *memory, uint8_t *bytes, float *logits, int threads) {
    int64_t H = m->n_head, D = m->head_size, C = H * D, V = m->vocab_size;
    float *x = memory, *n = x + B * C, *qkv = n + B * C, *y = qkv + 3 * B * C, *scores = y + B * C;
    float *h = scores + B * H * room, *step = h + B * m->layers->c_fc.out;
    Room r = {bytes, step, (Lanes *)(step + B)};
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
                int64_t at = (layer * B * H + head) * room * D;
                if (!m->wpe) {
                    turn(q, m->cos + position * (D / 2), m->sin + position * (D / 2), D, m->eps);
                    turn(q + C, m->cos + position * (D / 2), m->sin + position * (D / 2), D, m->eps);
                }
                keep(keys, at + position * D, q + C, D, halved);
                keep(values, at + position * D, q + 2 * C, D, halved);
                if (halved) attend(q, keys, values, at, scores + head * room, y + head * D, position + 1, D, 1);
                else attend(q, keys, values, at, scores + head * room, y + head * D, position + 1, D, 0);
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

// y (N, out) = W x + b for x (N, in); `memory` has room for slm_floats(N, in) floats, `bytes` for x.
void slm_multiply(const Matrix *m, const float *x, float *y, int64_t N, float *memory, uint8_t *bytes, int threads) {
    Room r = {bytes, memory, (Lanes *)(memory + N)};
#pragma omp parallel num_threads(threads)
    multiply(m, x, NULL, y, N, NONE, &r);
}

// The floats that a product of N tokens with rows of this length needs room for.
int64_t slm_floats(int64_t N, int64_t in) { return N + (N + TOKENS - 1) / TOKENS * TOKENS * in; }
