"""`python -m kotaemon_async` is the command `kotaemon-async`."""

from kotaemon_async.cli.main import main

if __name__ == "__main__":
    main()
