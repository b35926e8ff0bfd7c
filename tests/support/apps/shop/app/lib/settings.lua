local VERSION = 1

return {
    version = VERSION,
    cookie = 'shop-secret',
    currency = 'EUR',
}
