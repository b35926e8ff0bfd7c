-- The main script sets the trigger.
box.session.on_connect(require('shop').on_connect)
