#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The suite of the same name, on binary ports.

FUNCTIONAL_TRANSPORT=binary exec "$(dirname "$0")/../functional/push.sh"
