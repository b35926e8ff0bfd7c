-- Starts the application on servers before Tarantool 3, which cannot read config.yaml
-- themselves. The harness sets CONFIGURED_WORKDIR, CONFIGURED_CONSOLE_SOCK and
-- FAKE_CONFIG, the stand-in for the module `config`.

package.setsearchroot(require('fio').cwd())
package.loaded.config = dofile(os.getenv('FAKE_CONFIG'))
local path = require('fio').abspath('config.yaml')
box.cfg({
    work_dir = os.getenv('CONFIGURED_WORKDIR'),
    memtx_memory = 32 * 1024 * 1024,
    log_level = 5,
})
require('config'):start(path)
require('console').listen('unix/:' .. os.getenv('CONFIGURED_CONSOLE_SOCK'))
