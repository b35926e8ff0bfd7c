return rawget(_G, 'connection'):on_disconnect()[1]()
