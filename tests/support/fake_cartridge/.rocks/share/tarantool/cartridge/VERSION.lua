-- Test stand-in: the version of Cartridge whose behaviour is imitated.
return '2.17.2'
