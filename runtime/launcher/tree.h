// Folders of the cache: removing them, and telling a living owner's from what a killed start left.
//
// Whoever fills or uses a folder holds a lock on it (flock on the folder itself), which ends with the process, however
// that ends. So a folder whose lock can be had belongs to nobody. Where a file system has no such locks nothing is
// swept.
#ifndef PANNIER_TREE_H
#define PANNIER_TREE_H

#define FINISHED "runtime-"  // "runtime-<id>"
#define TEMPORARY ".runtime-" // being filled, or being emptied

// Remove `name` in the open folder `parent`, and all that is in it.
void remove_tree(int parent, const char *name);

// Open the folder `name` without following a link, and lock it for this process alone. -1 if that cannot be had.
int open_alone(int parent, const char *name);

// Remove what killed starts left in the open folder `place`, and runtimes that no start has used for long.
void sweep(int place);

#endif
