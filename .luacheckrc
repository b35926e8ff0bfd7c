std = 'luajit'
globals = {'box'}
read_globals = {
    '_TARANTOOL',
    table = {fields = {'copy', 'deepcopy', 'clear', 'new'}, other_fields = true},
    string = {fields = {'split', 'startswith', 'endswith', 'strip', 'hex'}, other_fields = true},
    package = {fields = {'search', 'searchroot', 'setsearchroot'}, other_fields = true},
}
max_line_length = 120
