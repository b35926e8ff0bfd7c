-- A rock has asked for a role once, and keeps it.
require('page').keep(require('role'))
