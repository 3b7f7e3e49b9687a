/* A fitted surrogate in C99; the formulas, and the names of the arrays, are those of evaluator.py. LANES points are
   worked on side by side, so that the compiler can put them into one register: table[row][lane]. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math") /* or a comparison keeps lanes from going side by side */
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
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

typedef double lanes[LANES];

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
    snprintf(key.name, MAX_NAME, "%s%s", at, name);
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

static lanes *table(size_t rows) { return malloc((rows ? rows : 1) * sizeof(lanes)); }

/* ---- tables ---- */

/* out (columns) = tableᵀ of (rows, columns) applied to in (rows). */
WIDE static void apply(const double *matrix, int rows, int columns, lanes *in, lanes *out) {
    for (int c = 0; c < columns; c++)
        for (int w = 0; w < LANES; w++) out[c][w] = 0.0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            double m = matrix[(size_t)r * columns + c];
            for (int w = 0; w < LANES; w++) out[c][w] += m * in[r][w];
        }
}

/* Four rows go side by side in the next two: every entry of `in` is loaded once for them, and no sum waits for the one
   before. Each row is summed in its own order, so that the digits are those of one row after the other. */

/* out (rows) = (rows, columns) applied to in (columns). */
WIDE static void multiply(const double *matrix, int rows, int columns, lanes *in, lanes *out) {
    int r = 0;
    for (; r + 4 <= rows; r += 4) {
        const double *a = matrix + (size_t)r * columns, *b = a + columns, *c = b + columns, *d = c + columns;
        lanes at = {0}, bt = {0}, ct = {0}, dt = {0};
        for (int k = 0; k < columns; k++)
            for (int w = 0; w < LANES; w++) {
                at[w] += a[k] * in[k][w];
                bt[w] += b[k] * in[k][w];
                ct[w] += c[k] * in[k][w];
                dt[w] += d[k] * in[k][w];
            }
        for (int w = 0; w < LANES; w++) out[r][w] = at[w], out[r + 1][w] = bt[w], out[r + 2][w] = ct[w], out[r + 3][w] = dt[w];
    }
    for (; r < rows; r++) {
        lanes sum = {0};
        for (int k = 0; k < columns; k++)
            for (int w = 0; w < LANES; w++) sum[w] += matrix[(size_t)r * columns + k] * in[k][w];
        for (int w = 0; w < LANES; w++) out[r][w] = sum[w];
    }
}

/* Sum over the rows of a lower triangular matrix of the squares of what it makes of `in`. */
WIDE static void lower_squares(const double *lower, int n, lanes *in, double *out) {
    lanes total = {0};
    int r = 0;
    for (; r + 4 <= n; r += 4) { /* the entries above the diagonal are zeros and may be taken too */
        const double *a = lower + (size_t)r * n, *b = a + n, *c = b + n, *d = c + n;
        lanes at = {0}, bt = {0}, ct = {0}, dt = {0};
        for (int k = 0; k < r + 4; k++)
            for (int w = 0; w < LANES; w++) {
                at[w] += a[k] * in[k][w];
                bt[w] += b[k] * in[k][w];
                ct[w] += c[k] * in[k][w];
                dt[w] += d[k] * in[k][w];
            }
        for (int w = 0; w < LANES; w++) {
            total[w] += at[w] * at[w];
            total[w] += bt[w] * bt[w];
            total[w] += ct[w] * ct[w];
            total[w] += dt[w] * dt[w];
        }
    }
    for (; r < n; r++) {
        lanes sum = {0};
        for (int k = 0; k <= r; k++)
            for (int w = 0; w < LANES; w++) sum[w] += lower[(size_t)r * n + k] * in[k][w];
        for (int w = 0; w < LANES; w++) total[w] += sum[w] * sum[w];
    }
    for (int w = 0; w < LANES; w++) out[w] = total[w];
}

/* exp of every entry, none of them above 0, to an ulp or two: the loop has no call in it, so that lanes go side by side.
   2^k from the bits of k + 3 * 2^51, and a polynomial for the rest, at most ln 2 / 2. */
WIDE static void exponentials(double *x, size_t n) {
    const double shift = 6755399441055744.0;
    for (size_t i = 0; i < n; i++) {
        double y = x[i] < -700.0 ? -700.0 : x[i], t = y * 1.4426950408889634074 + shift, k = t - shift;
        double r = (y - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10, scale;
        int64_t bits;
        memcpy(&bits, &t, 8);
        bits = (bits + 1023) * ((int64_t)1 << 52);
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

/* The J functions of a basis; x holds one coordinate of every lane. */
static void basis(const binn_surrogate *s, const char *at, const double *x, lanes *phi) {
    const array *centers = get(s, at, "centers");
    double width = number(s, at, "width"), rate = number(s, at, "rate");
    int gaussian = is(s, at, "basis", "gaussian"), hat = is(s, at, "basis", "hat"), spline = is(s, at, "basis", "bspline");
    for (int w = 0; w < LANES; w++) {
        double at_x = stretched(x[w], rate);
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
                             lanes *room, lanes *product) {
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
        lanes decay;
        memcpy(decay, room[i], sizeof(lanes));
        exponentials(decay, LANES);
        for (int w = 0; w < LANES; w++) {
            double r = -room[i][w];
            product[i][w] *= (kernel == 5 ? 1.0 + r + r * r / 3.0 : 1.0 + r) * decay[w] * share + (1.0 - share);
        }
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
    lanes spread = {0}, middle = {0};
    for (int d = 0; d < dimensions; d++)
        for (int w = 0; w < LANES; w++) warped[d][w] = stretched(x[d][w], rates->values[d]);
    for (int k = 0; k < draws; k++) {
        for (int i = 0; i < n; i++)
            for (int w = 0; w < LANES; w++) cross[i][w] = signal->values[k];
        for (int d = 0; d < dimensions; d++)
            along_input(points->values + d, n, dimensions, warped[d], change->values[k * dimensions + d],
                        shares->values[k * dimensions + d], kernel, room, cross);
        apply(solved->values + (size_t)k * n, n, 1, cross, means + k);
        if (variance) {
            lanes known;
            lower_squares(inverse->values + (size_t)k * n * n, n, cross, known);
            for (int w = 0; w < LANES; w++) spread[w] += fmax(signal->values[k] - known[w], 0.0) / draws;
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
    free(cross), free(room), free(warped), free(means);
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
        variance[w] = fmax(variance[w], 0.0);
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
        basis(s, at, x[0], phi);
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

/* A tensor contracted with a table per axis; `keep` is left as it is (-1: none). out holds 1 or shape[keep] numbers. */
WIDE static int contract(const array *core, lanes **tables, int keep, lanes *out) {
    size_t size = (size_t)core->size;
    lanes *now = table(size);
    if (!now) return 1;
    for (size_t i = 0; i < size; i++)
        for (int w = 0; w < LANES; w++) now[i][w] = core->values[i];
    /* The last axis first; axes behind `keep` are gone before those before it. */
    size_t inner = 1;
    for (int axis = core->ndim - 1; axis >= 0; axis--) {
        size_t width = (size_t)core->shape[axis];
        if (axis == keep) {
            inner = width;
            continue;
        }
        size_t outer = size / (width * inner);
        for (size_t o = 0; o < outer; o++)
            for (size_t i = 0; i < inner; i++) {
                lanes sum = {0};
                for (size_t q = 0; q < width; q++)
                    for (int w = 0; w < LANES; w++) sum[w] += now[(o * width + q) * inner + i][w] * tables[axis][q][w];
                memcpy(now[o * inner + i], sum, sizeof(lanes));
            }
        size = outer * inner;
    }
    memcpy(out, now, size * sizeof(lanes));
    free(now);
    return 0;
}

static int tucker(const binn_surrogate *s, const char *at, lanes *x, double *mean, double *variance) {
    const array *core = get(s, at, "core"), *core_variance = get(s, at, "core_variance"), *widths = get(s, at, "widths");
    lanes *tables[MAX_AXES] = {0}, *spreads[MAX_AXES] = {0}, *squares[MAX_AXES] = {0}, *slope = NULL, *along = NULL, result[1];
    char below[MAX_NAME];
    int axes = core->ndim, begin = 0, bad = 1;
    if (axes > MAX_AXES) return 1;
    for (int axis = 0; axis < axes; axis++) {
        snprintf(below, MAX_NAME, "%s%d/", at, axis);
        int functions = (int)core->shape[axis], directions = columns_of(get(s, below, "directions"));
        if (!(tables[axis] = table((size_t)functions)) || !(spreads[axis] = table((size_t)directions))) goto end;
        if (!(squares[axis] = table((size_t)functions))) goto end;
        lanes *spread = variance ? spreads[axis] : NULL;
        int failed = is(s, below, "kind", "basis")   ? axis_basis(s, below, x + begin, tables[axis], spread)
                     : is(s, below, "kind", "limit") ? axis_limit(s, below, x + begin, tables[axis], spread)
                                                     : axis_nodes(s, below, x + begin, tables[axis], spread);
        if (failed) goto end;
        begin += (int)widths->values[axis];
    }
    if (contract(core, tables, -1, result)) goto end;
    memcpy(mean, result[0], sizeof(lanes));
    if (variance) {
        for (int axis = 0; axis < axes; axis++) {
            snprintf(below, MAX_NAME, "%s%d/", at, axis);
            int functions = (int)core->shape[axis];
            apply(get(s, below, "core_vectors")->values, functions, functions, tables[axis], squares[axis]);
            for (int q = 0; q < functions; q++)
                for (int w = 0; w < LANES; w++) squares[axis][q][w] *= squares[axis][q][w];
        }
        if (contract(core_variance, squares, -1, result)) goto end;
        memcpy(variance, result[0], sizeof(lanes));
        for (int axis = 0; axis < axes; axis++) {
            snprintf(below, MAX_NAME, "%s%d/", at, axis);
            const array *directions = get(s, below, "directions");
            int functions = (int)core->shape[axis], count = columns_of(directions);
            free(slope), free(along);
            slope = table((size_t)functions), along = table((size_t)count);
            if (!slope || !along || contract(core, tables, axis, slope)) goto end;
            apply(directions->values, functions, count, slope, along);
            for (int e = 0; e < count; e++)
                for (int w = 0; w < LANES; w++) variance[w] += along[e][w] * along[e][w] * spreads[axis][e][w];
        }
    }
    bad = 0;
end:
    for (int axis = 0; axis < MAX_AXES; axis++) free(tables[axis]), free(spreads[axis]), free(squares[axis]);
    free(slope), free(along);
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
    if (!x) return 1;
    for (size_t begin = 0; begin < n && !bad; begin += LANES) {
        size_t count = n - begin < LANES ? n - begin : LANES;
        for (int w = 0; w < LANES; w++) encode(s, points + (begin + ((size_t)w < count ? (size_t)w : count - 1)) * (size_t)s->inputs, x, w);
        for (int k = 0; k < s->outputs && !bad; k++) {
            snprintf(at, MAX_NAME, "%d/", k);
            double *own = with_std ? spread : NULL;
            bad = is(s, at, "kind", "tucker") ? tucker(s, at, x, middle, own) : mixture(s, at, x, middle, own);
            double wider = scale->values[k] * calibration->values[k];
            for (size_t w = 0; w < count && !bad; w++) {
                size_t place = (begin + w) * (size_t)s->outputs + (size_t)k;
                mean[place] = middle[w] * scale->values[k] + shift->values[k];
                if (!with_std) continue;
                double variance = fmax(spread[w], 0.0); /* the square of the scale may be no number */
                if (std_epistemic) std_epistemic[place] = sqrt(variance) * wider;
                if (std_total) std_total[place] = sqrt(variance + noise->values[k]) * wider;
            }
        }
    }
    free(x);
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
