#pragma once

/* Files and folders: reading, making, and the files that the host has put behind the initramfs. */

/* The whole file as a string that is never freed, or NULL if there is none. */
char *read_file(const char *path);

/* Takes the next line off TEXT; NULL at the end. */
char *next_line(char **text);

/* Makes PATH unless it is there. */
void make_directory(const char *path);
/* Makes PATH and the directories above it. */
void make_directories(char *path);

/* Puts each file that /etc/cunik/files lists at its place. A line is `N TARGET`: the file is
 * /.cunik/N, and of TARGET bytes may stand as %XX. It is mounted over what is there, read-only, so
 * that nothing is written to a disk that is mounted around it but, where there is none yet, an
 * empty file to mount it on. */
void mount_files(void);
void unmount_files(void);
