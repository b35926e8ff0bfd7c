# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Exchanges of more than one line for fakes/misbehave, in files of the working
# directory: lines at a console, and a cluster through one instance.
#
#	misbehave "${CONSOLE[@]}" REPLY PROGRAM console
#	misbehave "${CLUSTER[@]}" REPLY PROGRAM COMMAND --cluster
#
# REPLY is what the commands get: those of the console, and those of which all
# instances of the cluster are asked.

report='---\n- cartridge_reload: 1\n  outcome:'
typed='---\n- cartridge_reload_'

# A line, a statement of two, a command, and a line once more.
printf '%s\n' x 'f(' '1)' '\status' x >input
printf %b '%TAG !push! tag:tarantool.io/push,2018\n--- working\n...\n' \
    "${typed}done\n- {a: [1, 'x']}\n- null\n...\n" >line.yaml
printf %b "${typed}more\n...\n" >more.yaml
printf %b "${typed}done\n- 3\n...\n" >statement.yaml
CONSOLE=(-i "$PWD/input" -r "\"more\",\"f(\",0,0)=$PWD/more.yaml"
    -r "\"f(\\n1)\",0,0)=$PWD/statement.yaml"
    -r "(getfenv(1),=$PWD/line.yaml")

# Of three instances the first is asked, which leads nobody, the second leads,
# and the third is disabled.
uuid=00000000-0000-0000-0000-00000000000
# node N ALIAS ROLE DISABLED
node()
{
	printf '%s' "    - {uuid: ${uuid}$1, uri: 'h:$1', alias: $2," \
	    " role: $3, disabled: $4, expelled: false}\n"
}
printf %b "$report ok\n  topology:\n    entry: ${uuid}1\n    instances:\n" \
    "$(node 1 router follower false)" "$(node 2 storage leader false)" \
    "$(node 3 gone follower true)...\n" >topology.yaml
printf %b "$report ok\n  generation: 1\n  status: {box: running, " \
    'state: RolesConfigured, digest: aaaaaaaaaaaa, healthy: true}\n...\n' \
    >preflight.yaml
printf %b "$report reloaded\n  generation: 2\n...\n" >reloaded.yaml
printf %b "$report planned\n  generation: 1\n...\n" >planned.yaml
command='\034command\034:\034'
CLUSTER=(-c 3 -r "${command}topology=$PWD/topology.yaml"
    -r "${command}preflight=$PWD/preflight.yaml")
