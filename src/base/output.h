/* Standard output of a command line whose reader may go away. */
#pragma once

/* Sends off what was printed. When the reader has gone the process ends by SIGPIPE, as any filter
 * does, whether or not that signal is ignored: what is followed would otherwise never end. */
void cunik_output_flush(void);

/* The exit status of a command line that did well: `status`, or 1 after saying why not all of its
 * output was written. */
int cunik_output_end(int status);
