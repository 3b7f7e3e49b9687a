/* FMI 3 for co-simulation: the outputs follow the inputs at once, and time has no part in it. */
#include "fmu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fmu_start.h" /* TOKEN */

typedef enum { OK, WARNING, DISCARD, ERROR, FATAL } status;
typedef void (*logger)(void *, status, const char *, const char *);

EXPORT const char *fmi3GetVersion(void) { return "3.0"; }
EXPORT status fmi3SetDebugLogging(void *c, bool on, size_t n, const char *const categories[]) {
    return (void)c, (void)on, (void)n, (void)categories, OK;
}

EXPORT void *fmi3InstantiateCoSimulation(const char *name, const char *token, const char *resources, bool visible, bool logging,
                                         bool events, bool early, const uint32_t required[], size_t n, void *environment, logger log,
                                         void *intermediate) {
    char problem[512] = "the weights do not fit this FMU";
    (void)name, (void)visible, (void)logging, (void)events, (void)early, (void)required, (void)n, (void)intermediate;
    instance *fmu = token && strcmp(token, TOKEN) == 0 ? fmu_new(resources, problem, sizeof problem) : NULL;
    if (!fmu && log) log(environment, ERROR, "logStatusError", problem);
    return fmu;
}
EXPORT void *fmi3InstantiateModelExchange(const char *name, const char *token, const char *resources, bool visible, bool logging,
                                          void *environment, logger log) {
    (void)name, (void)token, (void)resources, (void)visible, (void)logging;
    if (log) log(environment, ERROR, "logStatusError", "this FMU is for co-simulation");
    return NULL;
}
EXPORT void *fmi3InstantiateScheduledExecution(const char *name, const char *token, const char *resources, bool visible, bool logging,
                                               void *environment, logger log, void *clock, void *lock, void *unlock) {
    (void)clock, (void)lock, (void)unlock;
    return fmi3InstantiateModelExchange(name, token, resources, visible, logging, environment, log);
}
EXPORT void fmi3FreeInstance(void *c) { fmu_free(c); }
EXPORT status fmi3EnterInitializationMode(void *c, bool t, double tolerance, double begin, bool s, double end) {
    (void)t, (void)tolerance, (void)s, (void)end;
    ((instance *)c)->time = begin;
    return OK;
}
EXPORT status fmi3ExitInitializationMode(void *c) { return c ? OK : ERROR; }
EXPORT status fmi3EnterEventMode(void *c) { return c ? OK : ERROR; }
EXPORT status fmi3EnterStepMode(void *c) { return c ? OK : ERROR; }
EXPORT status fmi3EnterConfigurationMode(void *c) { return c ? OK : ERROR; }
EXPORT status fmi3ExitConfigurationMode(void *c) { return c ? OK : ERROR; }
EXPORT status fmi3Terminate(void *c) { return c ? OK : ERROR; }
EXPORT status fmi3Reset(void *c) {
    fmu_reset(c);
    return OK;
}

EXPORT status fmi3GetFloat64(void *c, const uint32_t references[], size_t n, double values[], size_t room) {
    for (size_t k = 0; k < n && k < room; k++)
        if (fmu_get(c, references[k], &values[k])) return ERROR;
    return n == room ? OK : ERROR;
}
EXPORT status fmi3SetFloat64(void *c, const uint32_t references[], size_t n, const double values[], size_t count) {
    for (size_t k = 0; k < n && k < count; k++)
        if (fmu_set(c, references[k], values[k])) return ERROR;
    return n == count ? OK : ERROR;
}

#define NONE(name, type)                                                                                                       \
    EXPORT status fmi3Get##name(void *c, const uint32_t references[], size_t n, type values[], size_t room) {                 \
        return (void)c, (void)references, (void)values, (void)room, n ? ERROR : OK;                                           \
    }                                                                                                                         \
    EXPORT status fmi3Set##name(void *c, const uint32_t references[], size_t n, const type values[], size_t count) {          \
        return (void)c, (void)references, (void)values, (void)count, n ? ERROR : OK;                                          \
    }
NONE(Float32, float)
NONE(Int8, int8_t)
NONE(UInt8, uint8_t)
NONE(Int16, int16_t)
NONE(UInt16, uint16_t)
NONE(Int32, int32_t)
NONE(UInt32, uint32_t)
NONE(Int64, int64_t)
NONE(UInt64, uint64_t)
NONE(Boolean, bool)
typedef const char *text;
NONE(String, text)

EXPORT status fmi3GetBinary(void *c, const uint32_t r[], size_t n, size_t s[], const uint8_t *v[], size_t m) {
    return (void)c, (void)r, (void)s, (void)v, (void)m, n ? ERROR : OK;
}
EXPORT status fmi3SetBinary(void *c, const uint32_t r[], size_t n, const size_t s[], const uint8_t *const v[], size_t m) {
    return (void)c, (void)r, (void)s, (void)v, (void)m, n ? ERROR : OK;
}
EXPORT status fmi3GetClock(void *c, const uint32_t r[], size_t n, bool v[]) { return (void)c, (void)r, (void)v, n ? ERROR : OK; }
EXPORT status fmi3SetClock(void *c, const uint32_t r[], size_t n, const bool v[]) { return (void)c, (void)r, (void)v, n ? ERROR : OK; }

#define REFUSED(name, ...) \
    EXPORT status name(__VA_ARGS__) { return (void)c, ERROR; }
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
REFUSED(fmi3GetNumberOfVariableDependencies, void *c, uint32_t r, size_t *n)
REFUSED(fmi3GetVariableDependencies, void *c, uint32_t r, size_t e[], uint32_t i[], size_t ei[], int k[], size_t n)
REFUSED(fmi3GetFMUState, void *c, void **state)
REFUSED(fmi3SetFMUState, void *c, void *state)
REFUSED(fmi3FreeFMUState, void *c, void **state)
REFUSED(fmi3SerializedFMUStateSize, void *c, void *state, size_t *n)
REFUSED(fmi3SerializeFMUState, void *c, void *state, uint8_t b[], size_t n)
REFUSED(fmi3DeserializeFMUState, void *c, const uint8_t b[], size_t n, void **state)
REFUSED(fmi3GetDirectionalDerivative, void *c, const uint32_t u[], size_t nu, const uint32_t k[], size_t nk, const double s[], size_t ns,
        double t[], size_t nt)
REFUSED(fmi3GetAdjointDerivative, void *c, const uint32_t u[], size_t nu, const uint32_t k[], size_t nk, const double s[], size_t ns,
        double t[], size_t nt)
REFUSED(fmi3GetIntervalDecimal, void *c, const uint32_t r[], size_t n, double v[], int q[])
REFUSED(fmi3GetIntervalFraction, void *c, const uint32_t r[], size_t n, uint64_t v[], uint64_t w[], int q[])
REFUSED(fmi3GetShiftDecimal, void *c, const uint32_t r[], size_t n, double v[])
REFUSED(fmi3GetShiftFraction, void *c, const uint32_t r[], size_t n, uint64_t v[], uint64_t w[])
REFUSED(fmi3SetIntervalDecimal, void *c, const uint32_t r[], size_t n, const double v[])
REFUSED(fmi3SetIntervalFraction, void *c, const uint32_t r[], size_t n, const uint64_t v[], const uint64_t w[])
REFUSED(fmi3SetShiftDecimal, void *c, const uint32_t r[], size_t n, const double v[])
REFUSED(fmi3SetShiftFraction, void *c, const uint32_t r[], size_t n, const uint64_t v[], const uint64_t w[])
REFUSED(fmi3GetOutputDerivatives, void *c, const uint32_t r[], size_t n, const int32_t o[], double v[], size_t m)
REFUSED(fmi3ActivateModelPartition, void *c, uint32_t clock, double time)
REFUSED(fmi3EnterContinuousTimeMode, void *c)
REFUSED(fmi3CompletedIntegratorStep, void *c, bool no_set, bool *event, bool *end)
REFUSED(fmi3SetTime, void *c, double time)
REFUSED(fmi3SetContinuousStates, void *c, const double x[], size_t n)
REFUSED(fmi3GetContinuousStateDerivatives, void *c, double v[], size_t n)
REFUSED(fmi3GetEventIndicators, void *c, double v[], size_t n)
REFUSED(fmi3GetContinuousStates, void *c, double v[], size_t n)
REFUSED(fmi3GetNominalsOfContinuousStates, void *c, double v[], size_t n)
REFUSED(fmi3GetNumberOfEventIndicators, void *c, size_t *n)
REFUSED(fmi3GetNumberOfContinuousStates, void *c, size_t *n)
EXPORT status fmi3EvaluateDiscreteStates(void *c) { return c ? OK : ERROR; }
EXPORT status fmi3UpdateDiscreteStates(void *c, bool *a, bool *b, bool *d, bool *e, bool *f, double *t) {
    *a = *b = *d = *e = *f = false, *t = 0.0;
    return c ? OK : ERROR;
}

EXPORT status fmi3DoStep(void *c, double time, double step, bool no_set, bool *event, bool *end, bool *early, double *last) {
    (void)no_set;
    *event = *end = *early = false, *last = time + step;
    ((instance *)c)->time = time + step;
    return OK;
}
