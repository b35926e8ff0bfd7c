-- A module asks a rock for timers when it is loaded. Its next generation asks for
-- them again, and the ones from before end.
require('shop')
