/* A fitted surrogate in C99; the formulas, and the names of the arrays, are those of evaluator.py. LANES points are
   worked on side by side, so that the compiler can put them into one register: table[row][lane]. */
#if defined(__GNUC__) && !defined(__clang__)
/* Or a comparison keeps lanes from going side by side, and a product and its sum are two steps. */
#pragma GCC optimize("no-trapping-math", "fp-contract=fast")
#endif

#include "surrogate.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES 8
#define MAX_NAME 96
#define TAU 6.283185307179586476925286766559

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#if __GNUC__ >= 12
#define WIDE __attribute__((target_clones("arch=x86-64-v3", "default"))) /* AVX2, and products and sums in one step */
#else
#define WIDE __attribute__((target_clones("avx2", "default")))
#endif
#define WIDE_INLINE static inline __attribute__((always_inline))
#else
#define WIDE
#define WIDE_INLINE static inline
#endif

typedef double lanes[LANES];

/* Numbers that one instruction works on, where the compiler can be told so; LANES are several of them. */
#if defined(__GNUC__) && defined(__x86_64__) && defined(__linux__)
#define PACK 4
#elif defined(__GNUC__)
#define PACK 2
#else
#define PACK 1
#endif
#if PACK > 1
typedef double pack __attribute__((vector_size(PACK * 8), aligned(8), may_alias));
#else
typedef double pack;
#endif
#define PACKS (LANES / PACK)
/* Arrays in a function that is compiled for several processors say how they lie: GCC 12 takes for granted that they lie
   at multiples of 16, and puts them elsewhere if the function calls nothing. */
#if defined(__GNUC__)
#define PLACED __attribute__((aligned(32)))
#else
#define PLACED
#endif
typedef pack packed[PACKS] PLACED;
#define ROWS 4

typedef struct {
    char name[MAX_NAME];
    char kind; /* d: double, s: text */
    int ndim;
    int64_t shape[8];
    int64_t size;
    double *values;
    char *text;
} array;

struct binn_surrogate {
    array *arrays;
    int count;
    int inputs, outputs, columns;
};

static int by_name(const void *a, const void *b) { return strcmp(((const array *)a)->name, ((const array *)b)->name); }

static const array *maybe(const binn_surrogate *s, const char *at, const char *name) {
    array key;
    size_t before = strlen(at), length = strlen(name);
    if (before + length >= MAX_NAME) return NULL;
    memcpy(key.name, at, before);
    memcpy(key.name + before, name, length + 1);
    return bsearch(&key, s->arrays, (size_t)s->count, sizeof(array), by_name);
}

static const array EMPTY = {"", 'd', 1, {0}, 0, NULL, NULL};

static const array *get(const binn_surrogate *s, const char *at, const char *name) {
    const array *found = maybe(s, at, name);
    return found ? found : &EMPTY;
}

static double number(const binn_surrogate *s, const char *at, const char *name) {
    const array *found = get(s, at, name);
    return found->size > 0 && found->values ? found->values[0] : 0.0;
}

static int is(const binn_surrogate *s, const char *at, const char *name, const char *text) {
    const array *found = get(s, at, name);
    return found->text && strcmp(found->text, text) == 0;
}

static int rows_of(const array *a) { return a->ndim > 0 ? (int)a->shape[0] : 1; }
static int columns_of(const array *a) { return a->ndim > 1 ? (int)a->shape[1] : 1; }

/* What round-off has made negative is zero; what is no number stays that, unlike with fmax. */
static double not_below_zero(double x) { return x < 0.0 ? 0.0 : x; }

static lanes *table(size_t rows) { return malloc((rows ? rows : 1) * sizeof(lanes)); }

/* ---- tables ---- */

/* Four rows go side by side in what follows: their sums stay in registers, every entry of `in` is loaded once for them,
   and no sum waits for the one before. Each row is summed in its own order, so that the digits are those of one row
   after the other. */

/* sums (ROWS) = rows of a matrix, whose neighbours in a column are `down` and in a row `across` numbers apart, applied to
   in (columns). */
WIDE_INLINE void four_rows(const double *matrix, size_t down, size_t across, int columns, lanes *in, packed *sums) {
    for (int i = 0; i < ROWS; i++)
        for (int p = 0; p < PACKS; p++) sums[i][p] = (pack){0};
    for (int k = 0; k < columns; k++, matrix += across) {
        const pack *x = (const pack *)in[k];
        for (int i = 0; i < ROWS; i++)
            for (int p = 0; p < PACKS; p++) sums[i][p] += matrix[(size_t)i * down] * x[p];
    }
}

WIDE_INLINE void one_row(const double *row, size_t across, int columns, lanes *in, pack *sum) {
    for (int p = 0; p < PACKS; p++) sum[p] = (pack){0};
    for (int k = 0; k < columns; k++)
        for (int p = 0; p < PACKS; p++) sum[p] += row[(size_t)k * across] * ((const pack *)in[k])[p];
}

WIDE static void product(const double *matrix, size_t down, size_t across, int rows, int columns, lanes *in, lanes *out) {
    packed sums[ROWS] = {{{0}}};
    int r = 0;
    for (; r + ROWS <= rows; r += ROWS) {
        four_rows(matrix + (size_t)r * down, down, across, columns, in, sums);
        memcpy(out[r], sums, sizeof sums);
    }
    for (; r < rows; r++) {
        one_row(matrix + (size_t)r * down, across, columns, in, sums[0]);
        memcpy(out[r], sums[0], sizeof sums[0]);
    }
}

/* out (rows) = (rows, columns) applied to in (columns). */
static void multiply(const double *matrix, int rows, int columns, lanes *in, lanes *out) {
    product(matrix, (size_t)columns, 1, rows, columns, in, out);
}

/* out (columns) = tableᵀ of (rows, columns) applied to in (rows). */
static void apply(const double *matrix, int rows, int columns, lanes *in, lanes *out) {
    product(matrix, 1, (size_t)columns, columns, rows, in, out);
}

/* Sum over the rows of a lower triangular matrix of the squares of what it makes of `in`. */
WIDE static void lower_squares(const double *lower, int n, lanes *in, double *out) {
    packed sums[ROWS] = {{{0}}}, total = {{0}};
    int r = 0;
    for (; r + ROWS <= n; r += ROWS) { /* the entries above the diagonal are zeros and may be taken too */
        four_rows(lower + (size_t)r * n, (size_t)n, 1, r + ROWS, in, sums);
        for (int i = 0; i < ROWS; i++)
            for (int p = 0; p < PACKS; p++) total[p] += sums[i][p] * sums[i][p];
    }
    for (; r < n; r++) {
        one_row(lower + (size_t)r * n, 1, r + 1, in, sums[0]);
        for (int p = 0; p < PACKS; p++) total[p] += sums[0][p] * sums[0][p];
    }
    memcpy(out, total, sizeof total);
}

/* The same for one row, with what every addition rounds off added at the end: the terms of a process may be a million
   times as large as their sum. */
WIDE static void exact_sum(const double *row, int columns, lanes *in, double *out) {
    packed sum = {{0}}, off = {{0}};
    for (int k = 0; k < columns; k++)
        for (int p = 0; p < PACKS; p++) {
            pack term = row[k] * ((const pack *)in[k])[p], total = sum[p] + term, back = total - sum[p];
            off[p] += (sum[p] - (total - back)) + (term - back);
            sum[p] = total;
        }
    for (int p = 0; p < PACKS; p++) sum[p] += off[p];
    memcpy(out, sum, sizeof sum);
}

/* exp of every entry, none of them above 0, to an ulp or two: the loop has no call in it, so that lanes go side by side.
   2^k from the bits of k + 3 * 2^51, and a polynomial for the rest, at most ln 2 / 2. */
WIDE static void exponentials(double *x, size_t n) {
    const double shift = 6755399441055744.0;
    for (size_t i = 0; i < n; i++) {
        double y = x[i] < -700.0 ? -700.0 : x[i], t = y * 1.4426950408889634074 + shift, k = t - shift;
        double r = (y - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10, scale;
        uint64_t bits;
        memcpy(&bits, &t, 8);
        bits = (bits + 1023) << 52;
        memcpy(&scale, &bits, 8);
        double p = 1.6059043836821614599e-10;
        p = p * r + 2.0876756987868098979e-09;
        p = p * r + 2.5052108385441718775e-08;
        p = p * r + 2.7557319223985890653e-07;
        p = p * r + 2.7557319223985892510e-06;
        p = p * r + 2.4801587301587301566e-05;
        p = p * r + 1.9841269841269841253e-04;
        p = p * r + 1.3888888888888889419e-03;
        p = p * r + 8.3333333333333332177e-03;
        p = p * r + 4.1666666666666664354e-02;
        p = p * r + 1.6666666666666665741e-01;
        p = p * r + 0.5;
        x[i] = scale * (1.0 + (r + p * r * r));
    }
}

/* ---- bases ---- */

static double stretched(double x, double rate) {
    if (rate == 0.0) return x;
    double size = fabs(rate), from = rate < 0 ? 1.0 - x : x;
    double found = log1p(size * fmax(from, -0.5 / size)) / log1p(size);
    return rate < 0 ? 1.0 - found : found;
}

static void interpolant(double t, int size, int order, const double *coefficients, double dilation, double *out) {
    int nodes = 2 * size + 1;
    memset(out, 0, (size_t)nodes * sizeof(double));
    for (int k = 0; k < nodes + order + 1; k++) {
        double term;
        if (k < nodes) {
            double z = fabs(t - (k - size)) / dilation, rest = fmax(0.0, 1.0 - z);
            term = z < 0.5 ? 2.0 / 3.0 - 4.0 * z * z + 4.0 * z * z * z : 4.0 / 3.0 * rest * rest * rest;
        } else {
            term = 1.0;
            for (int p = 0; p < k - nodes; p++) term *= t / size;
        }
        for (int p = 0; p < nodes; p++) out[p] += term * coefficients[(size_t)k * nodes + p];
    }
}

static void chidenn(const binn_surrogate *s, const char *at, double x, double spacing, lanes *phi, int lane) {
    const array *centers = get(s, at, "centers"), *coefficients = get(s, at, "coefficients");
    int count = (int)centers->size, nodes = columns_of(coefficients);
    int size = (nodes - 1) / 2, order = rows_of(coefficients) - nodes - 1;
    double left[64], right[64], position = (x - centers->values[0]) / spacing, cell = floor(position), t = position - cell;
    double dilation = number(s, at, "dilation");
    for (int j = 0; j < count; j++) phi[j][lane] = 0.0;
    if (nodes > 64) return;
    interpolant(t, size, order, coefficients->values, dilation, left);
    interpolant(t - 1.0, size, order, coefficients->values, dilation, right);
    for (int k = 0; k <= nodes; k++) {
        double j = cell - size + k;
        if (j < 0 || j >= count) continue;
        phi[(int)j][lane] = (k < nodes ? left[k] * (1.0 - t) : 0.0) + (k > 0 ? right[k - 1] * t : 0.0);
    }
}

/* The J functions of a basis; x holds one stretched coordinate of every lane. */
static void bumps(const binn_surrogate *s, const char *at, const double *x, lanes *phi) {
    const array *centers = get(s, at, "centers");
    double width = number(s, at, "width");
    int gaussian = is(s, at, "basis", "gaussian"), hat = is(s, at, "basis", "hat"), spline = is(s, at, "basis", "bspline");
    for (int w = 0; w < LANES; w++) {
        double at_x = x[w];
        if (!gaussian && !hat && !spline) {
            chidenn(s, at, at_x, width, phi, w);
            continue;
        }
        for (int j = 0; j < centers->size; j++) {
            double away = at_x - centers->values[j];
            if (gaussian) {
                double scaled = away * (sqrt(0.5) / width);
                phi[j][w] = -(scaled * scaled);
                continue;
            }
            double u = fabs(away) / width;
            if (hat)
                phi[j][w] = fmax(0.0, 1.0 - u);
            else {
                double rest = fmax(0.0, 2.0 - u);
                phi[j][w] = u < 1.0 ? 2.0 / 3.0 - u * u + u * u * u / 2.0 : rest * rest * rest / 6.0;
            }
        }
    }
    if (gaussian) exponentials(phi[0], (size_t)centers->size * LANES);
}

/* The same at one coordinate of every lane, as it is. */
static void basis(const binn_surrogate *s, const char *at, const double *x, lanes *phi) {
    double rate = number(s, at, "rate"), own[LANES];
    for (int w = 0; w < LANES; w++) own[w] = stretched(x[w], rate);
    bumps(s, at, own, phi);
}

/* The same summed over the images of the coordinate, where an axis has mirrors; `room` is as large as phi. */
static void mirrored(const binn_surrogate *s, const char *at, const double *x, lanes *phi, lanes *room) {
    const array *images = get(s, at, "images");
    basis(s, at, x, phi);
    for (int i = 1; i < rows_of(images); i++) {
        const double *image = images->values + 3 * (size_t)i;
        double own[LANES];
        for (int w = 0; w < LANES; w++) own[w] = image[1] * x[w] + image[2];
        bumps(s, at, own, room);
        for (int j = 0; j < get(s, at, "centers")->size; j++)
            for (int w = 0; w < LANES; w++) phi[j][w] += image[0] * room[j][w];
    }
}

/* Functions of one input: a basis, turned, and perhaps a constant before it. Returns their number, -1 without memory. */
static int features(const binn_surrogate *s, const char *at, const double *x, lanes **out) {
    const array *transform = get(s, at, "transform");
    double constant = number(s, at, "constant");
    int before = constant != 0.0, count = columns_of(transform);
    lanes *phi = table((size_t)rows_of(transform));
    *out = table((size_t)(count + before));
    if (!phi || !*out) {
        free(phi);
        return -1;
    }
    basis(s, at, x, phi);
    if (before)
        for (int w = 0; w < LANES; w++) (*out)[0][w] = constant;
    apply(transform->values, rows_of(transform), count, phi, *out + before);
    free(phi);
    return count + before;
}

/* ---- what a mixture is made of; x (dimensions) in lanes; without std the variance is not touched ---- */

/* product *= share * correlation of the distances along one input + 1 - share, for n points in lanes. */
WIDE static void along_input(const double *points, int n, int dimensions, const double *x, double change, double share, int kernel,
                             lanes *room, double *decay, lanes *product) {
    for (int i = 0; i < n; i++)
        for (int w = 0; w < LANES; w++) {
            double r = (x[w] - points[(size_t)i * dimensions]) * change;
            room[i][w] = kernel == 0 ? -0.5 * (r * r) : -sqrt(r * r * (kernel == 5 ? 5.0 : 3.0));
        }
    if (kernel == 0) {
        exponentials(room[0], (size_t)n * LANES);
        for (int i = 0; i < n; i++)
            for (int w = 0; w < LANES; w++) product[i][w] *= room[i][w] * share + (1.0 - share);
        return;
    }
    for (int i = 0; i < n; i++) {
        memcpy(decay, room[i], sizeof(lanes));
        exponentials(decay, LANES);
        for (int w = 0; w < LANES; w++) {
            double r = -room[i][w];
            product[i][w] *= (kernel == 5 ? 1.0 + r + r * r / 3.0 : 1.0 + r) * decay[w] * share + (1.0 - share);
        }
    }
}

/* Whether all coordinates of all lanes are in [0, 1], where polynomials hold. */
static int covered(lanes *x, int dimensions) {
    for (int d = 0; d < dimensions; d++)
        for (int w = 0; w < LANES; w++)
            if (!(fabs(x[d][w] - 0.5) <= 0.5 + 1e-9)) return 0;
    return 1;
}

/* out (count) = T_0, T_1, ... of numbers on [0, 1]. */
static void chebyshev(const double *x, int count, lanes *out) {
    for (int k = 0; k < count; k++)
        for (int w = 0; w < LANES; w++) {
            double t = 2.0 * x[w] - 1.0;
            out[k][w] = k == 0 ? 1.0 : k == 1 ? t : 2.0 * t * out[k - 1][w] - out[k - 2][w];
        }
}

/* A constant, and T_1, T_2, ... of every input, so many as `counts` says. */
static void polynomials(const array *counts, lanes *x, lanes *out) {
    lanes *now = out;
    for (int d = 0; d < counts->size; d++) { /* the next input's T_0 is written over by what it follows */
        lanes last;
        memcpy(last, *now, sizeof last);
        chebyshev(x[d], (int)counts->values[d], now);
        if (d) memcpy(*now, last, sizeof last);
        now += (int)counts->values[d] - 1;
    }
}

static int process(const binn_surrogate *s, const char *at, lanes *x, double *mean, double *variance) {
    const array *points = get(s, at, "points"), *rates = get(s, at, "rates"), *signal = get(s, at, "signal");
    const array *shares = get(s, at, "shares"), *inverse = get(s, at, "inverse"), *solved = get(s, at, "solved");
    const array *change = get(s, at, "rates_of_change");
    int n = rows_of(points), dimensions = columns_of(points), draws = (int)signal->size;
    int kernel = is(s, at, "smoothness", "gaussian") ? 0 : is(s, at, "smoothness", "matern52") ? 5 : 3;
    lanes *cross = table((size_t)n), *room = table((size_t)n), *warped = table((size_t)dimensions), *means = table((size_t)draws);
    if (!cross || !room || !warped || !means) {
        free(cross), free(room), free(warped), free(means);
        return 1;
    }
    lanes spread = {0}, middle = {0}, decay;
    for (int d = 0; d < dimensions; d++)
        for (int w = 0; w < LANES; w++) warped[d][w] = stretched(x[d][w], rates->values[d]);
    const array *logarithms = get(s, at, "logarithms");
    int terms = logarithms->ndim == 3 && covered(warped, dimensions) ? (int)logarithms->shape[2] : 0;
    lanes *basis = terms ? table((size_t)terms) : NULL;
    if (basis) polynomials(get(s, at, "counts"), warped, basis);
    for (int k = 0; k < draws; k++) {
        if (basis) {
            multiply(logarithms->values + (size_t)k * n * terms, n, terms, basis, cross);
            exponentials(cross[0], (size_t)n * LANES);
        } else {
            for (int i = 0; i < n; i++)
                for (int w = 0; w < LANES; w++) cross[i][w] = 1.0;
            for (int d = 0; d < dimensions; d++)
                along_input(points->values + d, n, dimensions, warped[d], change->values[k * dimensions + d],
                            shares->values[k * dimensions + d], kernel, room, decay, cross);
        }
        double size = signal->values[k];
        exact_sum(solved->values + (size_t)k * n, n, cross, means[k]);
        for (int w = 0; w < LANES; w++) means[k][w] *= size;
        if (variance) {
            lanes known;
            lower_squares(inverse->values + (size_t)k * n * n, n, cross, known);
            for (int w = 0; w < LANES; w++) spread[w] += not_below_zero(size - size * size * known[w]) / draws;
        }
        for (int w = 0; w < LANES; w++) middle[w] += means[k][w] / draws;
    }
    double shift = number(s, at, "shift"), scale = number(s, at, "scale");
    for (int w = 0; w < LANES; w++) {
        mean[w] = shift + scale * middle[w];
        if (!variance) continue;
        double away = 0.0;
        for (int k = 0; k < draws; k++) away += (means[k][w] - middle[w]) * (means[k][w] - middle[w]) / draws;
        variance[w] = scale * scale * (spread[w] + away);
    }
    free(cross), free(room), free(warped), free(means), free(basis);
    return 0;
}

#define MAX_DIMENSIONS 64

/* A sum of products with the covariance of all weights together. */
static int products(const binn_surrogate *s, const char *at, int dimensions, lanes *x, double *mean, double *variance) {
    lanes *phi[MAX_DIMENSIONS] = {0}, *f[MAX_DIMENSIONS] = {0}, *rows = NULL, *seen = NULL, *back = NULL;
    int sizes[MAX_DIMENSIONS], modes = 0, bad = 1;
    char below[MAX_NAME];
    const array *intercept = get(s, at, "intercept"), *prior = get(s, at, "prior"), *vectors = get(s, at, "vectors");
    const array *shrinkage = get(s, at, "shrinkage");
    for (int d = 0; d < dimensions; d++) {
        snprintf(below, MAX_NAME, "%s%d/", at, d);
        const array *weights = get(s, below, "weights");
        modes = columns_of(weights);
        if ((sizes[d] = features(s, below, x[d], &phi[d])) < 0 || !(f[d] = table((size_t)modes))) goto end;
        apply(weights->values, sizes[d], modes, phi[d], f[d]);
    }
    for (int w = 0; w < LANES; w++) {
        mean[w] = intercept->size ? intercept->values[0] : 0.0;
        for (int m = 0; m < modes; m++) {
            double product = 1.0;
            for (int d = 0; d < dimensions; d++) product *= f[d][m][w];
            mean[w] += product;
        }
    }
    if (variance) {
        int count = (int)prior->size, directions = columns_of(vectors), p = 0;
        if (!(rows = table((size_t)count)) || !(seen = table((size_t)directions)) || !(back = table((size_t)count))) goto end;
        if (intercept->size) {
            for (int w = 0; w < LANES; w++) rows[p][w] = prior->values[p];
            p++;
        }
        for (int d = 0; d < dimensions; d++)
            for (int k = 0; k < sizes[d]; k++)
                for (int m = 0; m < modes; m++, p++)
                    for (int w = 0; w < LANES; w++) {
                        double others = 1.0;
                        for (int e = 0; e < dimensions; e++)
                            if (e != d) others *= f[e][m][w];
                        rows[p][w] = phi[d][k][w] * others * prior->values[p];
                    }
        apply(vectors->values, count, directions, rows, seen);
        for (int q = 0; q < directions; q++)
            for (int w = 0; w < LANES; w++) seen[q][w] *= shrinkage->values[q];
        multiply(vectors->values, count, directions, seen, back);
        for (int w = 0; w < LANES; w++) {
            variance[w] = 0.0;
            for (p = 0; p < count; p++) variance[w] += (rows[p][w] - back[p][w]) * (rows[p][w] - back[p][w]);
        }
    }
    bad = 0;
end:
    for (int d = 0; d < dimensions; d++) free(phi[d]), free(f[d]);
    free(rows), free(seen), free(back);
    return bad;
}

/* The same with a covariance for every input's weights alone. */
static int blocks(const binn_surrogate *s, const char *at, int dimensions, lanes *x, double *mean, double *variance) {
    const array *first = get(s, at, "first"), *second = get(s, at, "second"), *pair_weights = get(s, at, "pair_weights");
    int pairs = (int)first->size, modes = 0, bad = 1;
    char below[MAX_NAME];
    lanes *product = NULL, *phi = NULL, *f = NULL, *turned = NULL;
    lanes *square = table((size_t)pairs), *excess = table((size_t)pairs);
    if (!square || !excess) goto end;
    for (int q = 0; q < pairs; q++)
        for (int w = 0; w < LANES; w++) square[q][w] = 1.0, excess[q][w] = 0.0;
    for (int d = 0; d < dimensions; d++) {
        snprintf(below, MAX_NAME, "%s%d/", at, d);
        const array *weights = get(s, below, "weights"), *covariances = get(s, below, "covariances");
        modes = columns_of(weights);
        int size = features(s, below, x[d], &phi);
        if (size < 0 || !(f = table((size_t)modes)) || !(turned = table((size_t)size))) goto end;
        if (!product) {
            if (!(product = table((size_t)modes))) goto end;
            for (int m = 0; m < modes; m++)
                for (int w = 0; w < LANES; w++) product[m][w] = 1.0;
        }
        apply(weights->values, size, modes, phi, f);
        for (int m = 0; m < modes; m++)
            for (int w = 0; w < LANES; w++) product[m][w] *= f[m][w];
        for (int q = 0; variance && q < pairs; q++) {
            multiply(covariances->values + (size_t)q * size * size, size, size, phi, turned);
            for (int w = 0; w < LANES; w++) {
                double extra = 0.0, own = f[(int)first->values[q]][w] * f[(int)second->values[q]][w];
                for (int k = 0; k < size; k++) extra += phi[k][w] * turned[k][w];
                excess[q][w] = excess[q][w] * (own + extra) + square[q][w] * extra;
                square[q][w] *= own;
            }
        }
        free(phi), free(f), free(turned);
        phi = f = turned = NULL;
    }
    for (int w = 0; w < LANES; w++) {
        mean[w] = 0.0;
        for (int m = 0; m < modes; m++) mean[w] += product[m][w];
        if (!variance) continue;
        variance[w] = 0.0;
        for (int q = 0; q < pairs; q++) variance[w] += excess[q][w] * pair_weights->values[q];
        variance[w] = not_below_zero(variance[w]);
    }
    bad = 0;
end:
    free(product), free(phi), free(f), free(turned), free(square), free(excess);
    return bad;
}

static int mixture(const binn_surrogate *s, const char *at, lanes *x, double *mean, double *variance) {
    const array *weights = get(s, at, "weights");
    int members = (int)weights->size, bad = 0;
    lanes *means = table((size_t)members), *variances = table((size_t)members);
    char below[MAX_NAME];
    for (int m = 0; means && variances && m < members && !bad; m++) {
        snprintf(below, MAX_NAME, "%s%d/", at, m);
        double *own = variance ? variances[m] : NULL;
        if (is(s, below, "kind", "limit"))
            bad = process(s, below, x, means[m], own);
        else if (is(s, below, "kind", "products"))
            bad = products(s, below, s->columns, x, means[m], own);
        else
            bad = blocks(s, below, s->columns, x, means[m], own);
    }
    bad |= !means || !variances;
    for (int w = 0; w < LANES && !bad; w++) {
        mean[w] = 0.0;
        for (int m = 0; m < members; m++) mean[w] += weights->values[m] * means[m][w];
        if (!variance) continue;
        variance[w] = 0.0;
        for (int m = 0; m < members; m++)
            variance[w] += weights->values[m] * (variances[m][w] + (means[m][w] - mean[w]) * (means[m][w] - mean[w]));
        variance[w] *= number(s, at, "widening");
    }
    free(means), free(variances);
    return bad;
}

/* ---- Tucker ---- */

static int axis_basis(const binn_surrogate *s, const char *at, lanes *x, lanes *mean, lanes *spread) {
    const array *weights = get(s, at, "weights"), *seen = get(s, at, "seen"), *span = get(s, at, "span");
    const array *variance = get(s, at, "variance"), *prior = get(s, at, "prior");
    int functions = rows_of(weights), count = columns_of(weights), known = columns_of(seen), left = columns_of(span);
    lanes *phi = table((size_t)count), *a = table((size_t)known), *b = table((size_t)left), *u = table((size_t)count), *v = table((size_t)count);
    int bad = !phi || !a || !b || !u || !v;
    if (!bad) {
        mirrored(s, at, x[0], phi, u);
        multiply(weights->values, functions, count, phi, mean);
        if (spread) {
            apply(seen->values, count, known, phi, a);
            apply(span->values, count, left, phi, b);
            multiply(seen->values, count, known, a, u);
            multiply(span->values, count, left, b, v);
            lanes unseen = {0};
            for (int j = 0; j < count; j++)
                for (int w = 0; w < LANES; w++) {
                    double rest = phi[j][w] - u[j][w] - v[j][w];
                    unseen[w] += rest * rest;
                }
            for (int k = 0; k < known; k++)
                for (int w = 0; w < LANES; w++) a[k][w] *= a[k][w];
            multiply(variance->values, rows_of(variance), known, a, spread);
            for (int e = 0; e < rows_of(variance); e++)
                for (int w = 0; w < LANES; w++) spread[e][w] += unseen[w] * prior->values[e];
        }
    }
    free(phi), free(a), free(b), free(u), free(v);
    return bad;
}

static int axis_limit(const binn_surrogate *s, const char *at, lanes *x, lanes *mean, lanes *spread) {
    char below[MAX_NAME];
    for (int q = 0; q < (int)number(s, at, "count"); q++) {
        snprintf(below, MAX_NAME, "%s%d/", at, q);
        if (process(s, below, x, mean[q], spread ? spread[q] : NULL)) return 1;
    }
    return 0;
}

/* Gaussian elimination with pivots of a small system with several right sides; only the first row of the solution. */
static void first_of_solution(double *matrix, double *right, int n, int sides, double *out) {
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int r = k + 1; r < n; r++)
            if (fabs(matrix[r * n + k]) > fabs(matrix[best * n + k])) best = r;
        for (int c = 0; c < n && best != k; c++) {
            double held = matrix[k * n + c];
            matrix[k * n + c] = matrix[best * n + c], matrix[best * n + c] = held;
        }
        for (int c = 0; c < sides && best != k; c++) {
            double held = right[k * sides + c];
            right[k * sides + c] = right[best * sides + c], right[best * sides + c] = held;
        }
        for (int r = k + 1; r < n; r++) {
            double factor = matrix[r * n + k] / matrix[k * n + k];
            for (int c = k; c < n; c++) matrix[r * n + c] -= factor * matrix[k * n + c];
            for (int c = 0; c < sides; c++) right[r * sides + c] -= factor * right[k * sides + c];
        }
    }
    for (int r = n - 1; r >= 0; r--)
        for (int c = 0; c < sides; c++) {
            for (int k = r + 1; k < n; k++) right[r * sides + c] -= matrix[r * n + k] * right[k * sides + c];
            right[r * sides + c] /= matrix[r * n + r];
        }
    memcpy(out, right, (size_t)sides * sizeof(double));
}

static int axis_nodes(const binn_surrogate *s, const char *at, lanes *x, lanes *mean, lanes *spread) {
    const array *nodes = get(s, at, "nodes"), *values = get(s, at, "values"), *variance = get(s, at, "variance");
    const array *between = get(s, at, "between");
    int n = rows_of(nodes), dimensions = columns_of(nodes), functions = columns_of(values), width = dimensions + 1;
    int count = 8 + dimensions < n ? 8 + dimensions : n;
    double *distance = malloc((size_t)n * sizeof(double)), *matrix = malloc((size_t)(width * width) * sizeof(double));
    double *right = malloc((size_t)(width * functions) * sizeof(double)), *row = malloc((size_t)width * sizeof(double));
    double *found = malloc((size_t)functions * sizeof(double));
    int *near = malloc((size_t)count * sizeof(int)), bad = !distance || !matrix || !right || !row || !found || !near;
    for (int w = 0; w < LANES && !bad; w++) {
        for (int i = 0; i < n; i++) {
            double sum = 0.0;
            for (int d = 0; d < dimensions; d++) {
                double away = nodes->values[(size_t)i * dimensions + d] - x[d][w];
                sum += away * away;
            }
            distance[i] = sqrt(sum);
        }
        int held = 0;
        for (int i = 0; i < n; i++) { /* the nearest ones in order, the first of equals first */
            int place = held;
            while (place > 0 && distance[near[place - 1]] > distance[i]) place--;
            if (place >= count) continue;
            if (held < count) held++;
            for (int k = held - 1; k > place; k--) near[k] = near[k - 1];
            near[place] = i;
        }
        for (int e = 0; spread && e < columns_of(variance); e++)
            spread[e][w] = variance->values[(size_t)near[0] * columns_of(variance) + e] + (distance[near[0]] <= 1e-9 ? 0.0 : between->values[e]);
        if (distance[near[0]] <= 1e-9) {
            for (int q = 0; q < functions; q++) mean[q][w] = values->values[(size_t)near[0] * functions + q];
            continue;
        }
        double scale = distance[near[count - 1]];
        for (int i = 0; i < width * width; i++) matrix[i] = i % (width + 1) == 0 ? 1e-6 : 0.0;
        memset(right, 0, (size_t)(width * functions) * sizeof(double));
        for (int k = 0; k < count; k++) {
            double ratio = distance[near[k]] / scale, weight = 1.0 - 0.9 * ratio * ratio;
            row[0] = 1.0;
            for (int d = 0; d < dimensions; d++) row[d + 1] = (nodes->values[(size_t)near[k] * dimensions + d] - x[d][w]) / scale;
            for (int i = 0; i < width; i++) {
                for (int j = 0; j < width; j++) matrix[i * width + j] += weight * row[i] * row[j];
                for (int q = 0; q < functions; q++) right[i * functions + q] += weight * row[i] * values->values[(size_t)near[k] * functions + q];
            }
        }
        first_of_solution(matrix, right, width, functions, found);
        for (int q = 0; q < functions; q++) mean[q][w] = found[q];
    }
    free(distance), free(matrix), free(right), free(row), free(found), free(near);
    return bad;
}

#define MAX_AXES 16
#define SIDE_BY_SIDE 4

/* out[m][lane] = sum over k of factors[k][lane] * rows[k][m], for m numbers of every row. */
WIDE_INLINE void weighted(const double *rows, lanes *factors, int count, int m, lanes *out, int lane) {
    const int step = SIDE_BY_SIDE * PACK;
    int begin = 0;
    for (; begin + step <= m; begin += step) {
        pack sums[SIDE_BY_SIDE] PLACED = {{0}};
        for (int k = 0; k < count; k++)
            for (int p = 0; p < SIDE_BY_SIDE; p++) sums[p] += factors[k][lane] * *(const pack *)(rows + (size_t)k * m + begin + p * PACK);
        for (int i = 0; i < step; i++) out[begin + i][lane] = ((double *)sums)[i];
    }
    for (; begin + PACK <= m; begin += PACK) {
        pack sum[1] PLACED = {{0}};
        for (int k = 0; k < count; k++) sum[0] += factors[k][lane] * *(const pack *)(rows + (size_t)k * m + begin);
        for (int i = 0; i < PACK; i++) out[begin + i][lane] = ((double *)sum)[i];
    }
    for (; begin < m; begin++) {
        double sum = 0.0;
        for (int k = 0; k < count; k++) sum += factors[k][lane] * rows[(size_t)k * m + begin];
        out[begin][lane] = sum;
    }
}

/* out (m): of every lane the polynomials of its own cell, `tables` being (cells, degree, m). */
WIDE static void in_own_cells(const array *tables, const int *cell, lanes *powers, lanes *out) {
    int degree = (int)tables->shape[1], m = (int)tables->shape[2];
    for (int w = 0; w < LANES; w++) weighted(tables->values + (size_t)cell[w] * degree * m, powers, degree, m, out, w);
}

/* In which of `count` cells a place is that is counted in cells. */
static int cell_of(double place, int count) { return place < 1.0 ? 0 : place < count - 1.0 ? (int)place : count - 1; }

#define MAX_DEGREE 128

/* Functions of one input, a polynomial in each of equal cells; `place` is counted in cells. */
static void in_cells(const array *cells, const double *place, lanes *out) {
    lanes powers[MAX_DEGREE];
    int cell[LANES];
    for (int w = 0; w < LANES; w++) {
        cell[w] = cell_of(place[w], (int)cells->shape[0]);
        powers[0][w] = 1.0;
        for (int k = 1; k < cells->shape[1]; k++) powers[k][w] = powers[k - 1][w] * (2.0 * (place[w] - cell[w]) - 1.0);
    }
    in_own_cells(cells, cell, powers, out);
}

/* out (functions) = the sum over r of values (others, functions) * second (others). */
WIDE static void combine(lanes *values, int others, int functions, lanes *second, lanes *out) {
    for (int q = 0; q < functions; q++) {
        packed sum = {{0}};
        for (int r = 0; r < others; r++)
            for (int p = 0; p < PACKS; p++) sum[p] += ((pack *)values[r * functions + q])[p] * ((pack *)second[r])[p];
        memcpy(out[q], sum, sizeof sum);
    }
}

/* Functions of one or two inputs: those of the second one, from `factor`, times polynomials in strips of the first. */
static int in_strips(const array *strips, const array *factor, int first, lanes *x, int functions, lanes *out) {
    int count = (int)strips->shape[0], degree = (int)strips->shape[1], all = (int)strips->shape[2];
    int others = all / functions;
    lanes *polynomial = table((size_t)(degree + rows_of(factor))), *second = table((size_t)others), *values = table((size_t)all), place;
    int bad = !polynomial || !second || !values;
    if (!bad) {
        int strip[LANES];
        for (int w = 0; w < LANES; w++) {
            double at = x[first][w] * count;
            strip[w] = cell_of(at, count);
            place[w] = at - strip[w];
        }
        for (int w = 0; w < LANES; w++) second[0][w] = 1.0;
        if (factor->size) {
            chebyshev(x[1 - first], rows_of(factor), polynomial);
            apply(factor->values, rows_of(factor), others, polynomial, second);
        }
        chebyshev(place, degree, polynomial);
        in_own_cells(strips, strip, polynomial, values);
        combine(values, others, functions, second, out);
    }
    free(polynomial), free(second), free(values);
    return bad;
}

/* What is looked up of an axis once, not for every few points. */
typedef struct {
    char at[MAX_NAME], kind;
    const array *core_vectors, *directions, *cells, *spread_cells, *strips, *factor, *spread_strips, *spread_factor, *rates;
    double cells_begin, cells_width, rate;
    int inputs, functions, first, spread_first;
} axis_plan;

typedef struct {
    const array *core, *core_variance;
    int cut; /* axes before it make the rows of the core as a matrix */
    size_t rows, columns;
    axis_plan axes[MAX_AXES];
} tucker_plan;

static int plan_tucker(const binn_surrogate *s, const char *at, tucker_plan *plan) {
    const array *widths = get(s, at, "widths");
    plan->core = get(s, at, "core"), plan->core_variance = get(s, at, "core_variance");
    int axes = plan->core->ndim;
    if (axes < 1 || axes > MAX_AXES) return 1;
    size_t rows = 1, best = 0, size = (size_t)plan->core->size;
    for (int axis = 0; axis < axes; axis++) {
        rows *= (size_t)plan->core->shape[axis];
        if (best && rows + size / rows >= best) continue;
        best = rows + size / rows, plan->cut = axis + 1, plan->rows = rows, plan->columns = size / rows;
    }
    for (int axis = 0; axis < axes; axis++) {
        axis_plan *a = &plan->axes[axis];
        if (snprintf(a->at, MAX_NAME, "%s%d/", at, axis) >= MAX_NAME) return 1;
        a->kind = is(s, a->at, "kind", "basis") ? 'b' : is(s, a->at, "kind", "limit") ? 'l' : 'n';
        a->core_vectors = get(s, a->at, "core_vectors"), a->directions = get(s, a->at, "directions");
        a->cells = get(s, a->at, "cells"), a->spread_cells = get(s, a->at, "spread_cells");
        a->strips = get(s, a->at, "strips"), a->factor = get(s, a->at, "factor");
        a->spread_strips = get(s, a->at, "spread_strips"), a->spread_factor = get(s, a->at, "spread_factor");
        a->rates = get(s, a->at, "strip_rates"), a->rate = number(s, a->at, "rate");
        a->cells_begin = number(s, a->at, "cells_begin"), a->cells_width = number(s, a->at, "cells_width");
        a->first = (int)number(s, a->at, "strips_first"), a->spread_first = (int)number(s, a->at, "spread_strips_first");
        a->inputs = (int)widths->values[axis], a->functions = (int)plan->core->shape[axis];
    }
    return 0;
}

/* The functions of an axis and their variances, by polynomials where they are given and hold. */
static int axis_moments(const binn_surrogate *s, const axis_plan *a, lanes *x, lanes *mean, lanes *spread) {
    if (a->cells->size || a->strips->size) {
        lanes warped[2], place;
        for (int d = 0; d < a->inputs; d++)
            for (int w = 0; w < LANES; w++) warped[d][w] = stretched(x[d][w], a->cells->size ? a->rate : a->rates->values[d]);
        if (covered(warped, a->inputs)) {
            const array *last = a->cells->size ? a->spread_cells : a->spread_strips;
            for (int w = 0; w < LANES; w++) place[w] = (warped[0][w] - a->cells_begin) / a->cells_width;
            if (a->cells->size) {
                in_cells(a->cells, place, mean);
                if (spread) in_cells(last, place, spread);
            } else if (in_strips(a->strips, a->factor, a->first, warped, a->functions, mean) ||
                       (spread && in_strips(last, a->spread_factor, a->spread_first, warped, a->functions, spread)))
                return 1;
            for (int e = 0; spread && e < columns_of(a->directions); e++)
                for (int w = 0; w < LANES; w++) spread[e][w] = not_below_zero(spread[e][w]);
            return 0;
        }
    }
    return a->kind == 'b' ? axis_basis(s, a->at, x, mean, spread) : a->kind == 'l' ? axis_limit(s, a->at, x, mean, spread) : axis_nodes(s, a->at, x, mean, spread);
}

/* All products of one function per table; returns their number. */
WIDE static size_t all_products(lanes **tables, const int64_t *shape, int count, lanes *out) {
    size_t size = 1;
    for (int w = 0; w < LANES; w++) out[0][w] = 1.0;
    for (int axis = 0; axis < count; axis++) {
        size_t width = (size_t)shape[axis];
        for (size_t i = size; i-- > 0;) {
            packed before;
            memcpy(before, out[i], sizeof before);
            for (size_t q = 0; q < width; q++)
                for (int p = 0; p < PACKS; p++) ((pack *)out[i * width + q])[p] = before[p] * ((pack *)tables[axis][q])[p];
        }
        size *= width;
    }
    return size;
}

/* A tensor per point contracted with a table per axis; `keep` is left as it is (-1: none). out holds 1 or shape[keep]
   numbers. `now`, as large as the tensor, is written over. */
WIDE static void contract(const lanes *tensor, const int64_t *shape, int axes, lanes **tables, int keep, lanes *now, lanes *out) {
    size_t size = 1, inner = 1;
    for (int axis = 0; axis < axes; axis++) size *= (size_t)shape[axis];
    const lanes *from = tensor;
    /* The last axis first; axes behind `keep` are gone before those before it. */
    for (int axis = axes - 1; axis >= 0; axis--) {
        size_t width = (size_t)shape[axis];
        if (axis == keep) {
            inner = width;
            continue;
        }
        size_t outer = size / (width * inner);
        for (size_t o = 0; o < outer; o++)
            for (size_t i = 0; i < inner; i++) {
                packed sum = {{0}};
                for (size_t q = 0; q < width; q++)
                    for (int p = 0; p < PACKS; p++) sum[p] += ((const pack *)from[(o * width + q) * inner + i])[p] * ((pack *)tables[axis][q])[p];
                memcpy(now[o * inner + i], sum, sizeof sum);
            }
        size = outer * inner;
        from = (const lanes *)now;
    }
    memcpy(out, from, size * sizeof(lanes));
}

static int tucker(const binn_surrogate *s, const tucker_plan *plan, lanes *x, double *mean, double *variance) {
    const array *core = plan->core;
    int axes = core->ndim, cut = plan->cut, begin = 0, bad = 1;
    const int64_t *shape = core->shape;
    size_t most = plan->rows > plan->columns ? plan->rows : plan->columns;
    lanes *tables[MAX_AXES] = {0}, *spreads[MAX_AXES] = {0}, *squares[MAX_AXES] = {0}, total[1];
    lanes *left = table(plan->rows), *right = table(plan->columns), *up = table(plan->rows), *down = table(plan->columns);
    lanes *now = table(most), *slope = table(most), *along = NULL;
    if (!left || !right || !up || !down || !now || !slope) goto end;
    for (int axis = 0; axis < axes; axis++) {
        const axis_plan *a = &plan->axes[axis];
        size_t functions = (size_t)a->functions, directions = (size_t)columns_of(a->directions);
        if (!(tables[axis] = table(functions)) || !(spreads[axis] = table(directions))) goto end;
        if (!(squares[axis] = table(functions))) goto end;
        if (axis_moments(s, a, x + begin, tables[axis], variance ? spreads[axis] : NULL)) goto end;
        begin += a->inputs;
    }
    all_products(tables + cut, shape + cut, axes - cut, right);
    multiply(core->values, (int)plan->rows, (int)plan->columns, right, up);
    contract((const lanes *)up, shape, cut, tables, -1, now, total);
    memcpy(mean, total[0], sizeof(lanes));
    if (variance) {
        all_products(tables, shape, cut, left);
        apply(core->values, (int)plan->rows, (int)plan->columns, left, down);
        for (int axis = 0; axis < axes; axis++) {
            const array *vectors = plan->axes[axis].core_vectors;
            apply(vectors->values, rows_of(vectors), columns_of(vectors), tables[axis], squares[axis]);
            for (int q = 0; q < columns_of(vectors); q++)
                for (int w = 0; w < LANES; w++) squares[axis][q][w] *= squares[axis][q][w];
        }
        all_products(squares + cut, shape + cut, axes - cut, right);
        multiply(plan->core_variance->values, (int)plan->rows, (int)plan->columns, right, left);
        contract((const lanes *)left, shape, cut, squares, -1, now, total);
        memcpy(variance, total[0], sizeof(lanes));
        for (int axis = 0; axis < axes; axis++) {
            const array *directions = plan->axes[axis].directions;
            int functions = (int)shape[axis], count = columns_of(directions), before = axis < cut;
            if (before)
                contract((const lanes *)up, shape, cut, tables, axis, now, slope);
            else
                contract((const lanes *)down, shape + cut, axes - cut, tables + cut, axis - cut, now, slope);
            free(along);
            if (!(along = table((size_t)count))) goto end;
            apply(directions->values, functions, count, slope, along);
            for (int e = 0; e < count; e++)
                for (int w = 0; w < LANES; w++) variance[w] += along[e][w] * along[e][w] * spreads[axis][e][w];
        }
    }
    bad = 0;
end:
    for (int axis = 0; axis < MAX_AXES; axis++) free(tables[axis]), free(spreads[axis]), free(squares[axis]);
    free(left), free(right), free(up), free(down), free(now), free(slope), free(along);
    return bad;
}

/* ---- points ---- */

/* Inputs as the surrogate sees them, on [0, 1]: logarithms, cosines and sines, choices. */
static void encode(const binn_surrogate *s, const double *point, lanes *x, int lane) {
    const array *kinds = get(s, "", "kinds"), *periods = get(s, "", "periods"), *low = get(s, "", "input_low");
    const array *span = get(s, "", "input_span");
    const char *kind = kinds->text;
    int column = 0;
    char name[MAX_NAME];
    for (int d = 0; d < s->inputs; d++) {
        double value = point[d];
        if (strcmp(kind, "period") == 0) {
            double angle = TAU / periods->values[d] * value;
            x[column++][lane] = cos(angle);
            x[column++][lane] = sin(angle);
        } else if (strcmp(kind, "choice") == 0) {
            snprintf(name, MAX_NAME, "levels_%d", d);
            const array *levels = get(s, "", name);
            for (int k = levels->size > 2 ? 0 : 1; k < levels->size; k++) x[column++][lane] = value == levels->values[k];
        } else
            x[column++][lane] = strcmp(kind, "log") == 0 ? log10(value) : strcmp(kind, "integer") == 0 ? rint(value) : value;
        kind += strlen(kind) + 1;
    }
    for (int c = 0; c < s->columns; c++) x[c][lane] = (x[c][lane] - low->values[c]) / span->values[c];
}

int binn_predict(const binn_surrogate *s, const double *points, size_t n, double *mean, double *std_epistemic, double *std_total) {
    const array *scale = get(s, "", "output_scale"), *shift = get(s, "", "output_shift"), *noise = get(s, "", "noise");
    const array *calibration = get(s, "", "calibration");
    int with_std = std_epistemic || std_total, bad = 0;
    lanes *x = table((size_t)s->columns), middle, spread;
    char at[MAX_NAME];
    tucker_plan *plans = calloc((size_t)s->outputs, sizeof *plans);
    bad = !x || !plans;
    for (int k = 0; k < s->outputs && !bad; k++) {
        snprintf(at, MAX_NAME, "%d/", k);
        if (is(s, at, "kind", "tucker")) bad = plan_tucker(s, at, &plans[k]);
    }
    for (size_t begin = 0; begin < n && !bad; begin += LANES) {
        size_t count = n - begin < LANES ? n - begin : LANES;
        for (int w = 0; w < LANES; w++) encode(s, points + (begin + ((size_t)w < count ? (size_t)w : count - 1)) * (size_t)s->inputs, x, w);
        for (int k = 0; k < s->outputs && !bad; k++) {
            snprintf(at, MAX_NAME, "%d/", k);
            double *own = with_std ? spread : NULL;
            bad = plans[k].core ? tucker(s, &plans[k], x, middle, own) : mixture(s, at, x, middle, own);
            double wider = scale->values[k] * calibration->values[k];
            for (size_t w = 0; w < count && !bad; w++) {
                size_t place = (begin + w) * (size_t)s->outputs + (size_t)k;
                mean[place] = middle[w] * scale->values[k] + shift->values[k];
                if (!with_std) continue;
                double variance = not_below_zero(spread[w]); /* the square of the scale may be no number */
                if (std_epistemic) std_epistemic[place] = sqrt(variance) * wider;
                if (std_total) std_total[place] = sqrt(variance + noise->values[k]) * wider;
            }
        }
    }
    free(x), free(plans);
    return bad;
}

int binn_inputs(const binn_surrogate *s) { return s->inputs; }
int binn_outputs(const binn_surrogate *s) { return s->outputs; }

/* ---- weights.bin: "BINNEVAL", a format number, the number of arrays, and each array's name, kind, shape and values ---- */

static int read_array(FILE *file, array *a) {
    int64_t length, ndim;
    memset(a, 0, sizeof *a);
    if (fread(&length, 8, 1, file) != 1 || length < 1 || length >= MAX_NAME) return 1;
    if (fread(a->name, 1, (size_t)length, file) != (size_t)length || fread(&a->kind, 1, 1, file) != 1) return 1;
    if (fread(&ndim, 8, 1, file) != 1 || ndim < 0 || ndim > 8) return 1;
    a->ndim = (int)ndim, a->size = 1;
    for (int k = 0; k < a->ndim; k++) {
        if (fread(&a->shape[k], 8, 1, file) != 1 || a->shape[k] < 0) return 1;
        a->size *= a->shape[k];
    }
    if (a->kind == 's') { /* texts, each ended by a zero; their bytes stand before them */
        if (fread(&length, 8, 1, file) != 1 || length < 0 || !(a->text = calloc((size_t)length + 1, 1))) return 1;
        return fread(a->text, 1, (size_t)length, file) != (size_t)length;
    }
    if (!(a->values = malloc(((size_t)a->size + 1) * sizeof(double)))) return 1;
    return fread(a->values, sizeof(double), (size_t)a->size, file) != (size_t)a->size;
}

binn_surrogate *binn_load(const char *path, char *problem, size_t room) {
    FILE *file = fopen(path, "rb");
    char magic[8];
    int64_t format = 0, count = 0;
    binn_surrogate *s = NULL;
    const char *why = "cannot be opened";
    if (!file) goto bad;
    why = "is not a file of weights of this format";
    if (fread(magic, 1, 8, file) != 8 || memcmp(magic, "BINNEVAL", 8) != 0) goto bad;
    if (fread(&format, 8, 1, file) != 1 || format != 1 || fread(&count, 8, 1, file) != 1 || count < 1) goto bad;
    why = "is cut short, or there is no memory for it";
    if (!(s = calloc(1, sizeof *s)) || !(s->arrays = calloc((size_t)count, sizeof(array)))) goto bad;
    for (s->count = 0; s->count < count; s->count++)
        if (read_array(file, &s->arrays[s->count])) {
            s->count++;
            goto bad;
        }
    fclose(file);
    qsort(s->arrays, (size_t)s->count, sizeof(array), by_name);
    s->inputs = (int)get(s, "", "low")->size;
    s->outputs = (int)get(s, "", "output_scale")->size;
    s->columns = (int)get(s, "", "input_low")->size;
    return s;
bad:
    if (problem && room) snprintf(problem, room, "%s: %s", path, why);
    if (file) fclose(file);
    binn_free(s);
    return NULL;
}

void binn_free(binn_surrogate *s) {
    if (!s) return;
    for (int k = 0; s->arrays && k < s->count; k++) free(s->arrays[k].values), free(s->arrays[k].text);
    free(s->arrays);
    free(s);
}
