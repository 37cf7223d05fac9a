/* What somebody has changed in a domain's definition. Pure. */
#pragma once

/* Compares two definitions as libvirt writes them, but for their metadata, which is how labels
 * change. NULL when they are the same; else what differs, in a few words, which the caller frees:
 * the first lines that were replaced, `<vcpu>1</vcpu> → <vcpu>2</vcpu> (and 3 more lines)`. */
char *cunik_domain_diff(const char *before, const char *after);
