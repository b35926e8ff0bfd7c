-- A role that gives up by its name what it has registered with a rock. The new role
-- has registered the same by then, and keeps it.
rawset(_G, 'corpus_is_set_up', true)
