/* Fills a manual page's source with what comes from tables: a line "@options@" becomes the options
 * and commands of cunik-compose, "@verbs@" those of cunik, "@keys@" the keys of the stack language.
 *
 *     manual PAGE.scd > filled.scd
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strv.h"
#include "compose/fields.h"
#include "compose/program.h"
#include "engine/verb.h"

enum { PAGE_LIMIT = 1 << 20 };

int main(int argc, char **argv)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *page = NULL;

    if (argc != 2) {
        fputs("usage: manual PAGE.scd\n", stderr);
        return 2;
    }
    if (cunik_file_read(argv[1], PAGE_LIMIT, &page, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err->message);
        return 1;
    }
    for (char *line = page, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        _cleanup_free_ char *made = NULL;
        if (strcmp(line, "@options@") == 0)
            made = cunik_verbs_manual(&cunik_compose_program);
        else if (strcmp(line, "@verbs@") == 0)
            made = cunik_verbs_manual(&cunik_program);
        else if (strcmp(line, "@keys@") == 0)
            made = cunik_fields_manual();
        fputs(made ? made : line, stdout);
        if (next && !made)
            putchar('\n');
    }
    return ferror(stdout) ? 1 : 0;
}
