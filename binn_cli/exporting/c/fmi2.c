/* FMI 2 for co-simulation: the outputs follow the inputs at once, and time has no part in it. */
#include "fmu.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fmu_start.h" /* TOKEN */

typedef void *component;
typedef enum { OK, WARNING, DISCARD, ERROR, FATAL, PENDING } status;
typedef void (*logger)(void *, const char *, status, const char *, const char *, ...);
typedef struct {
    logger log;
    void *allocate, *release, *finished, *environment;
} callbacks;

EXPORT const char *fmi2GetTypesPlatform(void) { return "default"; }
EXPORT const char *fmi2GetVersion(void) { return "2.0"; }

EXPORT component fmi2Instantiate(const char *name, int kind, const char *guid, const char *resources, const callbacks *call,
                                 int visible, int logging) {
    char problem[512] = "the weights do not fit this FMU";
    (void)kind, (void)visible, (void)logging;
    instance *fmu = guid && strcmp(guid, TOKEN) == 0 ? fmu_new(resources, problem, sizeof problem) : NULL;
    if (!fmu && call && call->log) call->log(call->environment, name, ERROR, "logStatusError", "%s", problem);
    return fmu;
}

EXPORT void fmi2FreeInstance(component c) { fmu_free(c); }
EXPORT status fmi2SetDebugLogging(component c, int on, size_t n, const char *const categories[]) {
    (void)c, (void)on, (void)n, (void)categories;
    return OK;
}
EXPORT status fmi2SetupExperiment(component c, int t, double tolerance, double begin, int s, double end) {
    (void)t, (void)tolerance, (void)s, (void)end;
    ((instance *)c)->time = begin;
    return OK;
}
EXPORT status fmi2EnterInitializationMode(component c) { return c ? OK : ERROR; }
EXPORT status fmi2ExitInitializationMode(component c) { return c ? OK : ERROR; }
EXPORT status fmi2Terminate(component c) { return c ? OK : ERROR; }
EXPORT status fmi2Reset(component c) {
    fmu_reset(c);
    return OK;
}

EXPORT status fmi2GetReal(component c, const unsigned references[], size_t n, double values[]) {
    for (size_t k = 0; k < n; k++)
        if (fmu_get(c, references[k], &values[k])) return ERROR;
    return OK;
}
EXPORT status fmi2SetReal(component c, const unsigned references[], size_t n, const double values[]) {
    for (size_t k = 0; k < n; k++)
        if (fmu_set(c, references[k], values[k])) return ERROR;
    return OK;
}

#define NONE(name, type)                                                                     \
    EXPORT status name(component c, const unsigned references[], size_t n, type values[]) { \
        (void)c, (void)references, (void)values;                                            \
        return n ? ERROR : OK;                                                              \
    }
NONE(fmi2GetInteger, int)
NONE(fmi2SetInteger, const int)
NONE(fmi2GetBoolean, int)
NONE(fmi2SetBoolean, const int)
NONE(fmi2GetString, const char *)
NONE(fmi2SetString, const char *const)

EXPORT status fmi2GetFMUstate(component c, void **state) { return (void)c, (void)state, ERROR; }
EXPORT status fmi2SetFMUstate(component c, void *state) { return (void)c, (void)state, ERROR; }
EXPORT status fmi2FreeFMUstate(component c, void **state) { return (void)c, (void)state, ERROR; }
EXPORT status fmi2SerializedFMUstateSize(component c, void *state, size_t *n) { return (void)c, (void)state, (void)n, ERROR; }
EXPORT status fmi2SerializeFMUstate(component c, void *state, char b[], size_t n) { return (void)c, (void)state, (void)b, (void)n, ERROR; }
EXPORT status fmi2DeSerializeFMUstate(component c, const char b[], size_t n, void **state) {
    return (void)c, (void)state, (void)b, (void)n, ERROR;
}
EXPORT status fmi2GetDirectionalDerivative(component c, const unsigned u[], size_t nu, const unsigned v[], size_t nv, const double dv[],
                                           double du[]) {
    return (void)c, (void)u, (void)nu, (void)v, (void)nv, (void)dv, (void)du, ERROR;
}
EXPORT status fmi2SetRealInputDerivatives(component c, const unsigned r[], size_t n, const int o[], const double v[]) {
    return (void)c, (void)r, (void)n, (void)o, (void)v, ERROR;
}
EXPORT status fmi2GetRealOutputDerivatives(component c, const unsigned r[], size_t n, const int o[], double v[]) {
    return (void)c, (void)r, (void)n, (void)o, (void)v, ERROR;
}
EXPORT status fmi2DoStep(component c, double time, double step, int no_set) {
    (void)no_set;
    ((instance *)c)->time = time + step;
    return OK;
}
EXPORT status fmi2CancelStep(component c) { return (void)c, ERROR; }
EXPORT status fmi2GetStatus(component c, int kind, status *v) { return (void)c, (void)kind, (void)v, DISCARD; }
EXPORT status fmi2GetRealStatus(component c, int kind, double *v) { return (void)c, (void)kind, (void)v, DISCARD; }
EXPORT status fmi2GetIntegerStatus(component c, int kind, int *v) { return (void)c, (void)kind, (void)v, DISCARD; }
EXPORT status fmi2GetBooleanStatus(component c, int kind, int *v) { return (void)c, (void)kind, (void)v, DISCARD; }
EXPORT status fmi2GetStringStatus(component c, int kind, const char **v) { return (void)c, (void)kind, (void)v, DISCARD; }
