/* SPDX-License-Identifier: BSD-3-Clause */

/* capture's -Z. */

#include "ctl/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "devargs/error.h"

int
ctl_user_become(const char *name, struct vmirror_error *err)
{
	const struct passwd *user;
	pid_t parent;
	int number = 0;

	if (name == NULL)
		return 0;
	errno = 0;
	user = getpwnam(name);
	if (user == NULL)
		return vmirror_error_set(err, -ENOENT, "-Z: there is no user '%.64s'%s%s", name,
					 errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
	if (geteuid() != 0 && geteuid() == user->pw_uid)
		return 0;
	if (geteuid() != 0)
		return vmirror_error_set(err, -EPERM,
					 "-Z: only root can become %.64s; without -Z files are "
					 "opened with your own rights",
					 name);
	parent = getppid();
	prctl(PR_GET_PDEATHSIG, &number);
	if (initgroups(name, user->pw_gid) != 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		return vmirror_error_set(err, -errno, "-Z: cannot become %.64s: %s", name,
					 strerror(errno));
	/* The kernel forgets it with the rights. Whose parent has gone meanwhile is to end now. */
	if (number != 0) {
		prctl(PR_SET_PDEATHSIG, number);
		if (getppid() != parent)
			raise(number);
	}
	return 0;
}
