/* A fitted surrogate in C99: the arrays of weights.bin evaluated as evaluator.py does. Needs libc and libm only. */
#ifndef BINN_SURROGATE_H
#define BINN_SURROGATE_H

#include <stddef.h>

typedef struct binn_surrogate binn_surrogate;

/* Reads weights.bin; NULL if it cannot be read, with a sentence in `problem` (which may be NULL). */
binn_surrogate *binn_load(const char *path, char *problem, size_t room);
void binn_free(binn_surrogate *surrogate);

int binn_inputs(const binn_surrogate *surrogate);
int binn_outputs(const binn_surrogate *surrogate);

/* n points, row by row in the order of the inputs and in their own units. mean and both standard deviations are
   (n, outputs), row by row; std_epistemic and std_total may be NULL. Returns 0, or 1 if memory ran out. */
int binn_predict(const binn_surrogate *surrogate, const double *points, size_t n, double *mean, double *std_epistemic,
                 double *std_total);

#endif
