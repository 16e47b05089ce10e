"""A Linux for another processor on this machine: unpacked from Debian's packages, and run by QEMU in name spaces.

What has to be done by the target's own Python (freezing the runtime) is done in there.
"""
