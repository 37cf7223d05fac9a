/* doctor: what this host has and lacks. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "engine/doctor.h"
#include "engine/verb.h"

int cunik_verb_doctor(void *context _unused_, const struct arguments *a, int *ret_status,
                      struct error **err _unused_)
{
    const struct client_settings how = cunik_verb_client_settings(a, -1);
    struct doctor_facts facts;
    struct doctor_report report;

    cunik_doctor_look(how.connect, &facts);
    cunik_doctor_judge(&facts, &report);
    if (cunik_verb_wants_json(a)) {
        _cleanup_json_ json_t *json = cunik_doctor_json(&report);
        cunik_verb_print_json(json, JSON_COMPACT);
    } else {
        _cleanup_free_ char *text = cunik_doctor_text(&report);
        fputs(text, stdout);
    }
    *ret_status = cunik_doctor_worst(&report) == DOCTOR_PROBLEM;
    cunik_doctor_report_done(&report);
    cunik_doctor_facts_done(&facts);
    return 0;
}
