local show = rawget(_G, 'show')
return show[1](), show[2]()
