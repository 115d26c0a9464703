// Nothing but the module map: the library does the work.
