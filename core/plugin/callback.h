/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a plugin does in each of its callbacks, for those who use it and know nothing of its code:
 * behind "while it" or "while this plugin". docs/plugin-sdk.md says which callback is meant.
 */
#ifndef MS_CORE_PLUGIN_CALLBACK_H
#define MS_CORE_PLUGIN_CALLBACK_H

#define MS_PLUGIN_CALLBACK_CODE "was loaded"
#define MS_PLUGIN_CALLBACK_DESCRIPTOR "was described"
#define MS_PLUGIN_CALLBACK_CREATE "was set up"
#define MS_PLUGIN_CALLBACK_LOAD "loaded its action" /* and its name */
#define MS_PLUGIN_CALLBACK_START "was started"
#define MS_PLUGIN_CALLBACK_RECONFIGURE "took other settings"
#define MS_PLUGIN_CALLBACK_STOP "was stopped"
#define MS_PLUGIN_CALLBACK_DESTROY "was taken down"
#define MS_PLUGIN_CALLBACK_ENCODE "read arguments of a rule"
#define MS_PLUGIN_CALLBACK_ENCODE_OF "read arguments of rule" /* and its id */
#define MS_PLUGIN_CALLBACK_IN_FORCE "was told of the rules in force"
#define MS_PLUGIN_CALLBACK_RULE_GONE "was told of a rule that has gone"
#define MS_PLUGIN_CALLBACK_EVENT "was told of an event"
#define MS_PLUGIN_CALLBACK_STATS "gave its numbers"
#define MS_PLUGIN_CALLBACK_WOKEN "was woken"
#define MS_PLUGIN_CALLBACK_READY "had something to read or write"
#define MS_PLUGIN_CALLBACK_DUE "did what was due"

#endif
