/* What the files of the doctor share. */
#pragma once

#include "engine/doctor.h"

/* The message of an error that is not needed any more; "" for none. The caller frees it. */
char *cunik_doctor_words(struct error *err);
/* doctor_links.c: may_make_links, rootless, tun, nftables, forwarding. */
void cunik_doctor_look_at_links(struct doctor_facts *f);
