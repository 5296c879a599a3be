"""The proof of "exactly once": the program is killed, its portal fails, its clock moves on.

A round is a fresh data folder, a sandbox with a ledger of its own, and a schedule of commands that
are killed and started again. It ends with everything healthy and nothing due; then our database,
archive and journal are compared with the portal's ledger. All of it is drawn from one seed.

Map
    __main__.py    ``python -m chaos``: rounds side by side, one closing line, the exit code
    rounds.py      one round: set up, played, its folder kept or forgotten
    plan.py        what a round will do, drawn from the seed
    campaign.py    plays a plan in a folder
    clerk.py       what a person types
    typist.py      what a person types who types whatever is printed
    happenings.py  what happens around a deposit; surroundings.py has it happen
    copies.py      backups put back, a second machine, a disk that forgets
    beginnings.py  how rounds begin: made once, copied for each
    installation.py  the folder: members, references, the portal's directory
    laws.py        what must hold; invariants.py looks whether it does; year.py over months
    books.py       what our database, archive and logs hold, read by plain SQL
    commands.py    a command line in a process of its own, forked from this warm one
    killing.py     where a process dies: named places, a count of calls, an instant
    ledger.py      what a portal holds and what it got, read from its file
    portal.py, second.py  a portal's process, whose clock follows ours
    clock.py       another date for a whole process
"""
