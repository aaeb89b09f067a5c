"""Personal data: sealed before it is first written, opened only for who needs it, destroyed by destroying its key.

`edge` wraps a source, so that everything behind it holds stand-ins alone; `keys` and `envelope` seal and open;
`index` makes what can be compared without being opened.
"""
