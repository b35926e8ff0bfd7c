return require('facade').get()
