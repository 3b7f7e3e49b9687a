#include "fmu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fmu_start.h" /* START: the start values of the inputs */

static const double start[] = START;

/* The path of weights.bin below the resources, which FMI 2 names by a URI: file:///home/… with %20 for a space. */
static void path_of(const char *resources, char *path, size_t room) {
    size_t length = 0;
    if (strncmp(resources, "file://", 7) == 0) {
        resources += 7;
        if (strncmp(resources, "localhost/", 10) == 0) resources += 9;
#if defined(_WIN32)
        if (*resources == '/') resources++;
#endif
        for (; *resources && length + 16 < room; resources++) {
            unsigned code;
            if (*resources == '%' && sscanf(resources + 1, "%2x", &code) == 1) {
                path[length++] = (char)code;
                resources += 2;
            } else
                path[length++] = *resources;
        }
    } else
        for (; *resources && length + 16 < room; resources++) path[length++] = *resources;
    if (length && path[length - 1] != '/' && path[length - 1] != '\\') path[length++] = '/';
    strcpy(path + length, "weights.bin");
}

instance *fmu_new(const char *resources, char *problem, size_t room) {
    char path[4096];
    instance *fmu = calloc(1, sizeof *fmu);
    path_of(resources ? resources : "", path, sizeof path);
    if (!fmu || !(fmu->surrogate = binn_load(path, problem, room))) {
        free(fmu);
        return NULL;
    }
    fmu->inputs = binn_inputs(fmu->surrogate), fmu->outputs = binn_outputs(fmu->surrogate);
    if (!(fmu->values = calloc((size_t)(fmu->inputs + 6 * fmu->outputs), sizeof(double)))) {
        fmu_free(fmu);
        return NULL;
    }
    fmu_reset(fmu);
    return fmu;
}

void fmu_free(instance *fmu) {
    if (!fmu) return;
    binn_free(fmu->surrogate);
    free(fmu->values);
    free(fmu);
}

void fmu_reset(instance *fmu) {
    memcpy(fmu->values, start, (size_t)fmu->inputs * sizeof(double));
    fmu->stale = 1, fmu->time = 0.0;
}

int fmu_get(instance *fmu, unsigned reference, double *value) {
    int inputs = fmu->inputs, outputs = fmu->outputs;
    double *answers = fmu->values + inputs, *room = answers + 3 * outputs;
    if (reference == (unsigned)(inputs + 3 * outputs)) {
        *value = fmu->time;
        return 0;
    }
    if (reference > (unsigned)(inputs + 3 * outputs)) return 1;
    if (reference >= (unsigned)inputs && fmu->stale) {
        if (binn_predict(fmu->surrogate, fmu->values, 1, room, room + outputs, room + 2 * outputs)) return 1;
        for (int k = 0; k < outputs; k++)
            for (int part = 0; part < 3; part++) answers[3 * k + part] = room[part * outputs + k];
        fmu->stale = 0;
    }
    *value = fmu->values[reference];
    return 0;
}

int fmu_set(instance *fmu, unsigned reference, double value) {
    if (reference >= (unsigned)fmu->inputs) return 1;
    fmu->values[reference] = value, fmu->stale = 1;
    return 0;
}
