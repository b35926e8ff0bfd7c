page t1
