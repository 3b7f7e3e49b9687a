/* What both versions of the FMU have in common: an instance with its inputs, and its outputs computed when asked for.
   Value references: inputs from 0 on, then mean, std_epistemic and std_total of every output, then time. */
#ifndef BINN_FMU_H
#define BINN_FMU_H

#include "surrogate.h"

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

typedef struct {
    binn_surrogate *surrogate;
    int inputs, outputs, stale;
    double time;
    double *values; /* inputs, start values, answers (3 per output) and room for a prediction */
} instance;

instance *fmu_new(const char *resources, char *problem, size_t room);
void fmu_free(instance *fmu);
void fmu_reset(instance *fmu);
int fmu_get(instance *fmu, unsigned reference, double *value); /* 0, or 1 for an unknown reference or without memory */
int fmu_set(instance *fmu, unsigned reference, double value);

#endif
