#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Controllers, templates and static files of the rock http: files of the
# application that a server has read and cached.

# shellcheck disable=SC2119 # reload takes options, or none
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

launch_app pages || bail_out 'the application did not start'

# get PATH: prints the body of the response, or the status of an error.
get()
{
	local answer
	answer=$(curl -s -m 20 -w '\n%{http_code}' "$APP_URL$1")
	if [ "${answer##*$'\n'}" = 200 ]; then
		echo "${answer%$'\n'*}"
	else
		echo "${answer##*$'\n'}"
	fi
}

all()
{
	echo "$(get /show), $(get /text), $(get /page), $(get /style.css)"
}

# texts VERSION: writes the templates and static files of that version.
texts()
{
	echo "show t$1 <%= version %> <%= web %>" \
	    >"$APP_DIR/templates/front/show.html.el"
	echo "page t$1" >"$APP_DIR/templates/page.html.el"
	echo "static s$1" >"$APP_DIR/public/style.css"
}

# deploy VERSION [PLACE=TEXT ...]: writes all files of that version.
deploy()
{
	app_version "$@"
	texts "$1"
}

# answers VERSION: prints the expected responses of that version.
answers()
{
	echo "show t$1 [v$1$1] v$1, v$1 v$1 [base$1], page t$1, static s$1"
}

is "$(all)" "$(answers 1)" 'version 1 serves'
reload --if-changed
is "$RC $(json 'i.outcome')" '0 reloaded' 'the first reload'
reload --if-changed
is "$RC $(json 'i.outcome')" '0 unchanged' \
    '--if-changed does nothing without a change'

diag 'Good code'

deploy 2
reload --stale fail
is "$RC $(json 'i.outcome')" '0 reloaded' 'version 2'
is "$(all)" "$(answers 2)" \
    'new controllers, templates and static files are used'
for n in 3 4; do
	deploy "$n"
	reload --stale fail
	is "$RC $(all)" "0 $(answers "$n")" "version $n"
done
run -s "$APP_SOCK" stale
is "$RC" 0 'stale finds nothing'

diag 'Detected changes'

# changed FILE: changes only that file.
changed()
{
	echo '-- changed' >>"$APP_DIR/$1"
	reload plan
	is "$(json 'i.outcome')" planned "plan detects: $1"
	reload --if-changed
	is "$RC $(json 'i.outcome')" '0 reloaded' "reload loads: $1"
	reload --if-changed
	is "$RC $(json 'i.outcome')" '0 unchanged' \
	    "a further reload finds no change: $1"
	all >/dev/null
	reload --if-changed
	is "$RC $(json 'i.outcome')" '0 unchanged' \
	    "requests afterwards make no change: $1"
}
changed controllers/front.lua
changed controllers/base.lua
changed templates/page.html.el
changed public/style.css
like "$(get /page)" changed 'a new template is used'
is "$(get /rare)" 'rare v4' 'a controller is used for the first time'
reload --if-changed
is "$RC $(json 'i.outcome')" '0 unchanged' 'the controller is loaded from disk'
changed controllers/rare.lua

diag 'Requests in flight'

deploy 5
reload
get /slow >"$WORK/slow" &
slow=$!
in_flight()
{
	app_eval 'for _, f in pairs(require("fiber").info({backtrace = false})) do
		if f.name == "pages_slow" then
			return true
		end
	end return false' | grep -q true
}
ok 'a request is running in a controller' wait_until 5 in_flight
deploy 6
reload --stale fail
wait "$slow"
is "$(cat "$WORK/slow")" 'v5 v5 [base5]' \
    'the request ends on the code on which it began'
is "$(all)" "$(answers 6)" 'other requests get new code'

diag 'Broken code'

# broken CODE LABEL: the reload fails with that code, and version 6 serves.
broken()
{
	reload
	is "$RC $(json 'i.error.code')" "3 $1" "$2"
	is "$(all)" "$(answers 6)" "$2: the old code is still serving"
}
deploy 7
echo 'this is no Lua' >>"$APP_DIR/controllers/front.lua"
reload plan
is "$RC $(json 'i.problems[1].path')" "3 $APP_DIR/controllers/front.lua" \
    'plan reports a controller that does not compile'
broken compile_error 'a controller that does not compile'
deploy 7
echo 'this is no Lua' >>"$APP_DIR/controllers/rare.lua"
broken compile_error 'a controller that was never used'
deploy 7 "front_end=error('boom')"
broken load_error 'a controller that throws'
deploy 7 'front_end=M = nil'
broken load_error 'a controller that returns nothing'
deploy 7 'front_end=M.show = nil'
broken load_error 'a controller without the function of a route'
deploy 7 "web_end=error('boom')"
broken load_error 'a module that throws'
deploy 7 "front_end=pages_httpd.cache.tpl = {} pages_httpd.cache.front = M
	pages_httpd.cache.other = M
	error('boom')"
broken load_error 'a controller that writes into the cache'
is "$(app_eval 'return pages_httpd.cache.other == nil')" true \
    'globals of failed code are removed'
mv "$APP_DIR/controllers/front.lua" "$WORK/front.lua"
broken load_error 'a controller without a file'
mv "$WORK/front.lua" "$APP_DIR/controllers/front.lua"
deploy 7
reload --stale fail
is "$RC $(all)" "0 $(answers 7)" 'the next good version is loaded'

diag 'Under load'

load_start "$APP_URL" /show
for version in 8 9 10; do
	deploy "$version"
	reload
	deploy "$version" "front_end=error('boom')"
	reload
done
load_stop
is "$LOAD_FAILED" 0 "no request of $LOAD_REQUESTS failed"

diag 'Without caches'

app_eval "local options = pages_httpd.options
	options.cache_controllers, options.cache_templates = false, false
	pages_httpd.cache = {tpl = {}, ctx = {}, static = {}}
	return true" >/dev/null
deploy 11
reload --stale fail
is "$RC $(all)" "0 $(answers 11)" \
    'without caches files are read for each request'
reload --if-changed
is "$RC $(json 'i.outcome')" '0 unchanged' 'without caches nothing is stale'

done_testing
