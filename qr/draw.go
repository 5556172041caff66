package qr

// canvas is a code that is being drawn; fixed modules take no data and no mask.
type canvas struct {
	version     int
	dark, fixed Code
}

// draw draws data with the mask that scanners read best.
func draw(version int, data []byte) Code {
	size := 17 + 4*version
	c := canvas{version: version, dark: blank(size), fixed: blank(size)}
	c.patterns()
	c.place(data)
	best, least := 0, -1
	for mask := range 8 {
		c.mask(mask)
		c.format(mask)
		if p := penalty(c.dark); least < 0 || p < least {
			best, least = mask, p
		}
		c.mask(mask) // twice is none
	}
	c.mask(best)
	c.format(best)
	return c.dark
}

func blank(size int) Code {
	code := make(Code, size)
	for y := range code {
		code[y] = make([]bool, size)
	}
	return code
}

// set draws a fixed module; x and y may lie outside.
func (c *canvas) set(x, y int, dark bool) {
	if n := len(c.dark); x >= 0 && y >= 0 && x < n && y < n {
		c.dark[y][x], c.fixed[y][x] = dark, true
	}
}

// patterns draws all that does not depend on data.
func (c *canvas) patterns() {
	n := len(c.dark)
	for i := range n {
		c.set(6, i, i%2 == 0)
		c.set(i, 6, i%2 == 0)
	}
	for _, at := range [][2]int{{3, 3}, {n - 4, 3}, {3, n - 4}} {
		c.rings(at[0], at[1], 4, "11010")
	}
	spots := alignment(c.version)
	for i, x := range spots {
		for j, y := range spots {
			last := len(spots) - 1
			if !(i == 0 && j == 0 || i == 0 && j == last || i == last && j == 0) {
				c.rings(x, y, 2, "101")
			}
		}
	}
	c.format(0) // takes its place
	c.versionBits()
}

// rings draws a square of rings, from the centre outwards.
func (c *canvas) rings(x, y, reach int, colours string) {
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			c.set(x+dx, y+dy, colours[max(dx, -dx, dy, -dy)] == '1')
		}
	}
}

// alignment are the coordinates of the small squares.
func alignment(version int) []int {
	if version == 1 {
		return nil
	}
	n := version/7 + 2
	step := (version*4 + n*2 + 1) / (2*n - 2) * 2
	out := make([]int, n)
	for i, at := n-1, 4*version+10; i > 0; i, at = i-1, at-step {
		out[i] = at
	}
	out[0] = 6
	return out
}

// format draws level and mask with their error correction, twice.
func (c *canvas) format(mask int) {
	rest := mask // level M is 0
	for range 10 {
		rest = rest<<1 ^ rest>>9*0x537
	}
	bits, n := (mask<<10|rest)^0x5412, len(c.dark)
	at := func(i int) bool { return bits>>i&1 == 1 }
	for i := range 6 {
		c.set(8, i, at(i))
	}
	c.set(8, 7, at(6))
	c.set(8, 8, at(7))
	c.set(7, 8, at(8))
	for i := 9; i < 15; i++ {
		c.set(14-i, 8, at(i))
	}
	for i := range 8 {
		c.set(n-1-i, 8, at(i))
	}
	for i := 8; i < 15; i++ {
		c.set(8, n-15+i, at(i))
	}
	c.set(8, n-8, true)
}

// versionBits draws the version of larger codes, twice.
func (c *canvas) versionBits() {
	if c.version < 7 {
		return
	}
	rest := c.version
	for range 12 {
		rest = rest<<1 ^ rest>>11*0x1f25
	}
	bits, n := c.version<<12|rest, len(c.dark)
	for i := range 18 {
		dark := bits>>i&1 == 1
		c.set(n-11+i%3, i/3, dark)
		c.set(i/3, n-11+i%3, dark)
	}
}

// place draws data in pairs of columns, up and down in turn, from the right.
func (c *canvas) place(data []byte) {
	n, i := len(c.dark), 0
	for right := n - 1; right >= 1; right -= 2 {
		if right == 6 {
			right = 5 // the timing pattern
		}
		for step := range n {
			y := step
			if (right+1)&2 == 0 {
				y = n - 1 - step
			}
			for _, x := range []int{right, right - 1} {
				if !c.fixed[y][x] && i < 8*len(data) {
					c.dark[y][x] = data[i/8]>>(7-i%8)&1 == 1
					i++
				}
			}
		}
	}
}

// mask turns modules over by one of eight patterns.
func (c *canvas) mask(pattern int) {
	for y, row := range c.dark {
		for x := range row {
			if !c.fixed[y][x] && masked(pattern, x, y) {
				row[x] = !row[x]
			}
		}
	}
}

func masked(pattern, x, y int) bool {
	switch pattern {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (x/3+y/2)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	}
	return ((x+y)%2+x*y%3)%2 == 0
}

// penalty counts what disturbs scanners: long runs, squares, false finders, and too
// much of one colour.
func penalty(code Code) int {
	n, sum, darks := len(code), 0, 0
	for a := range n {
		sum += line(n, func(b int) bool { return code[a][b] }) + line(n, func(b int) bool { return code[b][a] })
		for b := range n {
			darks += bit(code[a][b])
			if a > 0 && b > 0 && code[a][b] == code[a-1][b] && code[a][b] == code[a][b-1] && code[a][b] == code[a-1][b-1] {
				sum += 3
			}
		}
	}
	return sum + max(darks*20-n*n*10, n*n*10-darks*20)/(n*n)*10
}

// line counts runs and false finders in one row or column.
func line(n int, at func(int) bool) int {
	const before, after = 0b10111010000, 0b00001011101
	sum, run, seen := 0, 0, 0
	for i := range n {
		if i > 0 && at(i) == at(i-1) {
			run++
		} else {
			run = 1
		}
		if run == 5 {
			sum += 3
		} else if run > 5 {
			sum++
		}
		seen = (seen<<1 | bit(at(i))) & (1<<11 - 1)
		if i >= 10 && (seen == before || seen == after) {
			sum += 40
		}
	}
	return sum
}
