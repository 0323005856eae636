/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests' plugins and the tests agree on. */
#ifndef MS_TESTS_PLUGINS_FAULTY_H
#define MS_TESTS_PLUGINS_FAULTY_H

/* Below the tests' own tmpfs: there once a constructor has run. */
#define MS_TEST_CONSTRUCTOR_MARK "/run/ms-test/constructor-ran"
/* Likewise, once that plugin was created which is so only once. */
#define MS_TEST_CREATED_MARK "/run/ms-test/created-once"
/* Pipes on which a plugin's start() waits, or its create() in a trial. */
#define MS_TEST_START_THERE "/run/ms-test/start-there"
#define MS_TEST_START_GO "/run/ms-test/start-go"

#endif
