/* Prints the JSON schema of stack files. */
#include <stdio.h>

#include "base/memory.h"
#include "compose/fields.h"

int main(void)
{
    _cleanup_free_ char *schema = cunik_fields_schema();

    fputs(schema, stdout);
    return ferror(stdout) ? 1 : 0;
}
