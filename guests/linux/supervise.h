#pragma once

#include "settings.h"

/* Runs the program of SETTINGS with the console as its standard input, output and error, reaps
 * every process of the machine, and sends the program SIGTERM when the power button is pressed
 * (POWER_FD, see power.h; -1: there is none). Returns when the program has ended, after saying how:
 *
 *   init: NAME exited with status N
 *   init: NAME killed by signal N
 *
 * A program that cannot be run turns the machine off with a line that says why. */
void supervise(const struct settings *settings, int power_fd);
