#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The suite of the same name, on binary ports, with all combinations.

ALL=1 FUNCTIONAL_TRANSPORT=binary exec "$(dirname "$0")/../functional/escapes.sh"
