"""Tales of points in carts, told by tests/ledger/test_order_tales.py."""

CARTS = {
    "set aside, and captured by the order": """
        d0 adjust +100
        d1 hold 30 cart c
        d1 = available 70 held 30
        d1 spend 71 -> refused NOT_ENOUGH_POINTS
        d1 order B 0 cart c
        d1 = available 70 used 30
        | adjust 100 lot 1 at d0
        | hold 30 lot 1 at d1
        | capture 30 lot 1 at d1
        ! points.adjusted 100
        ! points.held 30
        ! points.redeemed 30
    """,
    "captured for less: the rest is free again": """
        d0 adjust +20 expire 9
        d0 adjust +20
        d1 hold 30 cart c
        d1 order B 0 cart c pays 25
        d1 = available 15 used 25
        d1 lots 1:0 2:15
        ! points.adjusted 20
        ! points.adjusted 20
        ! points.held 30
        ! points.redeemed 25
        ! points.released 5
    """,
    "taken out of the cart": """
        d0 adjust +100
        d1 hold 30 cart c
        d1 empty c
        d1 empty c
        d1 = available 100 version 3
        ! points.adjusted 100
        ! points.held 30
        ! points.released 30
    """,
    "forgotten in the cart": """
        d0 adjust +100
        d1 hold 30 cart c for 2
        d3-1 = available 70 held 30
        d3 = available 100
        d9 empty c
        d9 = available 100 version 3
        | adjust 100 lot 1 at d0
        | hold 30 lot 1 at d1
        | release 30 lot 1 at d3
    """,
    "another method takes the place of the first": """
        d0 adjust +50
        d1 hold 30 cart c method m
        d1 hold 30 cart c method m
        d1 = available 20 held 30 version 2
        d1 hold 50 cart c method n
        d1 = held 50
        d1 hold 51 cart c method m -> refused NOT_ENOUGH_POINTS
        d1 = held 50 version 4
    """,
    "several carts share one balance": """
        d0 adjust +50
        d1 hold 30 cart c most 2
        d1 hold 30 cart e most 2 -> refused NOT_ENOUGH_POINTS
        d1 hold 20 cart e most 2
        d1 hold 1 cart f most 2 -> refused TOO_MANY_HOLDS
        d1 = held 50
        d2 = available 50
    """,
    "a lot expires while it is held, and is released": """
        d0 adjust +30 expire 2
        d1 hold 20 cart c for 5
        d2 = held 20
        d3 empty c
        d3 = version 5
        | adjust 30 lot 1 at d0
        | hold 20 lot 1 at d1
        | expire 10 lot 1 at d2
        | release 20 lot 1 at d3
        | expire 20 lot 1 at d3
    """,
    "a lot expires while it is held, and the cart is forgotten": """
        d0 adjust +30 expire 2
        d1 hold 30 cart c for 2
        d3-1 = held 30
        d3 =
        d4 settle
        | adjust 30 lot 1 at d0
        | hold 30 lot 1 at d1
        | release 30 lot 1 at d3
        | expire 30 lot 1 at d3
    """,
    "a lot expires while it is held, and the order comes": """
        d0 adjust +30 expire 2
        d1 hold 30 cart c for 5
        d4 order B 0 cart c
        d4 = used 30
    """,
    "a cart lapses before its lot expires": """
        d0 adjust +30 expire 9
        d1 hold 30 cart c for 2
        d9-1 = available 30
        d9 =
    """,
    "the hold lapsed before the order came: spent now": """
        d0 adjust +100
        d1 hold 30 cart c
        d5 order B 0 cart c
        d5 = available 70 used 30
    """,
    "the hold lapsed, and the points are gone: owed": """
        d0 adjust +40
        d1 hold 30 cart c
        d5 spend 30
        d5 order B 0 cart c
        d5 = owed 20 used 60
        d6 order B 0 back 30      # what was owed comes back, and repays
        d6 = available 10 used 30
    """,
    "the hold lapsed, and the program bears what is gone": """
        d0 adjust +40
        d1 hold 30 cart c
        d5 spend 30
        d5 order B 0 cart c forgive
        d5 = used 60
        d6 order B 0 back 30 forgive
        d6 = available 10 used 30
        d7 order B 0 back 0 forgive
        d7 = used 60
    """,
    "nothing goes into a cart while something is owed": """
        d0 order A 10
        d0 spend 10
        d0 order A 10 kept 0
        d1 hold 1 cart c -> refused POINTS_OWED
        d1 = owed 10 used 10
    """,
    "told once that points will expire": """
        d0 adjust +10 expire 9
        d1 remind 1 within 7
        d2 remind 1 within 7
        d3 remind 1 within 7
        d4 remind 9 within 7
        d9 settle
        ! points.adjusted 10
        ! points.expiring 10
        ! points.expired 10
    """,
}
