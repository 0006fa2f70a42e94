"""Draws one job as bars, in SVG: seconds of each contender, each run a mark."""

WIDTH, LEFT, RIGHT, ROW, TOP = 760, 230, 150, 26, 56
OURS, THEIRS, MARK = "#2f6fb3", "#b9c0c8", "#40464d"


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def bars(title, contenders, note):
    """`contenders`: names with their runs' seconds; the first is ours. Bars end at the medians."""
    middle = {name: sorted(runs)[len(runs) // 2] for name, runs in contenders.items()}
    longest = max(max(runs) for runs in contenders.values())
    ours = next(iter(middle.values()))

    def x(seconds):
        return LEFT + seconds / longest * (WIDTH - LEFT - RIGHT)

    height = TOP + ROW * len(contenders) + 14
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
             'font-family="sans-serif" font-size="13" role="img">', f"<title>{escaped(title)}</title>",
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<text x="12" y="22" font-size="15" font-weight="bold" fill="#202428">{escaped(title)}</text>',
             f'<text x="12" y="42" fill="#60666d">{escaped(note)}</text>']
    for row, (name, runs) in enumerate(contenders.items()):
        y = TOP + row * ROW
        times = "" if row == 0 else f" ({middle[name] / ours:.1f}x)"
        lines += [f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end" fill="#202428">{escaped(name)}</text>',
                  f'<rect x="{LEFT}" y="{y + 2}" width="{x(middle[name]) - LEFT:.1f}" height="{ROW - 8}" '
                  f'fill="{OURS if row == 0 else THEIRS}"/>']
        lines += [f'<path d="M{x(run):.1f} {y + 5}v{ROW - 14}" stroke="{MARK}" stroke-width="1.5"/>' for run in runs]
        lines.append(f'<text x="{x(max(runs)) + 6:.1f}" y="{y + 15}" fill="#202428">{middle[name]:.3g} s{times}</text>')
    return "\n".join([*lines, "</svg>", ""])
