-- A role that starts its loop only if there is none.
rawset(_G, 'corpus_is_set_up', true)
