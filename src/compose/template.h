/* The forms of the template language (see interpolate.h), found in a text; shared by substitution
 * and by the extraction of variables.
 */
#pragma once

#include <stddef.h>

enum template_form {
    FORM_NONE,    /* an ordinary dollar */
    FORM_ESCAPED, /* $$ */
    FORM_NAMED,   /* $NAME or ${NAME} */
    FORM_WORD,    /* ${NAME<operator>word} */
    FORM_INVALID, /* "${" and no form */
};

struct template_part {
    enum template_form form;
    size_t size; /* of the whole form in the text */
    const char *name;
    size_t name_size;
    const char *operator; /* ":-", "-", … of FORM_WORD */
    const char *word;
    size_t word_size;
};

/* What stands at s, which begins with a dollar and has `size` bytes to its end. */
struct template_part cunik_template_part(const char *s, size_t size);

/* The operator at s, or NULL. */
const char *cunik_template_operator(const char *s, size_t size);
/* The length of the name at s; 0 when there is none. */
size_t cunik_template_name(const char *s, size_t size);
