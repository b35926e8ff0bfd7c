#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The live suite of the same name, through the binary port.

LIVE_TRANSPORT=binary exec "$(dirname "$0")/../live/roles.sh"
