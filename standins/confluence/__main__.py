"""`python -m standins.confluence`."""

from standins.confluence.server import main

main()
