/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/find.c: sockets that live, are left behind, are forbidden, or are somebody else's. */

#include "folder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/find.h"

static struct ctl_find_dir dirs[2];

static char *
path_of(const char *name)
{
	static char path[4][108];
	static unsigned int next;
	char *to = path[next++ % 4];

	snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
	return to;
}

/* A socket that is bound; who keeps the descriptor keeps it alive. */
static int
make_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(name));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static int
set_up(void **state)
{
	int ret = folder_set_up(state);

	mkdir("dpdk", 0755);
	mkdir("dpdk/rte", 0755);
	mkdir("dpdk/other", 0755);
	dirs[0] = (struct ctl_find_dir){.path = folder};
	return ret;
}

static const struct ctl_socket *
found_at(const struct ctl_found *found, const char *name)
{
	for (unsigned int i = 0; i < found->n_sockets; i++)
		if (strcmp(found->sockets[i].path, path_of(name)) == 0)
			return &found->sockets[i];
	return NULL;
}

static void
alive_and_dead(void **state)
{
	int live = make_socket("dpdk/rte/vmirror.12");
	struct ctl_socket *one = NULL;
	struct ctl_found found;
	struct vmirror_error err;

	close(make_socket("dpdk/other/vmirror.13"));
	close(make_socket("dpdk/rte/vmirror.13.new"));
	close(make_socket("dpdk/rte/dpdk_telemetry.v2"));
	ctl_find(&found, dirs, 1, NULL);
	assert_int_equal(found.n_sockets, 2);
	assert_int_equal(found_at(&found, "dpdk/rte/vmirror.12")->state, CTL_SOCKET_LIVE);
	assert_int_equal(found_at(&found, "dpdk/other/vmirror.13")->state, CTL_SOCKET_DEAD);
	assert_int_equal(ctl_found_live(&found, &one), 1);
	assert_ptr_equal(one, found_at(&found, "dpdk/rte/vmirror.12"));
	assert_true(one->fd >= 0);
	ctl_found_fini(&found);

	ctl_find(&found, dirs, 1, "13");
	assert_int_equal(ctl_found_live(&found, NULL), 0);
	assert_int_equal(ctl_found_none(&found, dirs, 1, "13", &err), -ENOENT);
	assert_sentence(&err, "process 13 has no control socket");
	assert_sentence(&err, "left by processes that have ended: ");
	assert_sentence(&err, "dpdk/other/vmirror.13; looked for vmirror.13 in /tmp/vmirror_unit.");
	ctl_found_fini(&found);
	close(live);
}

/* A directory that is seen twice, as /run is, has its sockets once. */
static void
one_directory_twice(void **state)
{
	int live = make_socket("dpdk/rte/vmirror.1");
	struct ctl_found found;

	dirs[1] = dirs[0];
	ctl_find(&found, dirs, 2, NULL);
	assert_int_equal(found.n_sockets, 1);
	ctl_found_fini(&found);
	close(live);
}

/* A link leads to one, as that of ./demo --stay does; where to nothing, nobody left it behind. */
static void
links(void **state)
{
	int live = make_socket("vmirror.7");
	struct ctl_socket *one = NULL;
	struct ctl_found found;

	assert_int_equal(symlink(path_of("vmirror.7"), path_of("dpdk/other/vmirror.7")), 0);
	assert_int_equal(symlink(path_of("gone"), path_of("dpdk/other/vmirror.8")), 0);
	ctl_find(&found, dirs, 1, NULL);
	assert_int_equal(found.n_sockets, 1);
	assert_int_equal(ctl_found_live(&found, &one), 1);
	assert_ptr_equal(one, found_at(&found, "dpdk/other/vmirror.7"));
	ctl_found_fini(&found);

	/* Where both are found it is one process. */
	assert_int_equal(symlink(path_of("vmirror.7"), path_of("dpdk/rte/vmirror.7")), 0);
	ctl_find(&found, dirs, 1, "7");
	assert_int_equal(ctl_found_live(&found, NULL), 1);
	ctl_found_fini(&found);
	close(live);
}

static void
nothing(void **state)
{
	struct ctl_found found;
	struct vmirror_error err;

	ctl_find(&found, dirs, 1, NULL);
	assert_int_equal(found.n_sockets, 0);
	assert_int_equal(ctl_found_none(&found, dirs, 1, NULL, &err), -ENOENT);
	assert_sentence(&err, "no process with vmirror was found; is one running?");
	assert_sentence(&err, "looked for vmirror.PID in ");
	ctl_found_fini(&found);
	dirs[0].path = "/nowhere";
	ctl_find(&found, dirs, 1, NULL);
	assert_int_equal(found.n_sockets, 0);
}

/* As somebody who may not. @return the child's verdict */
static int
as_nobody(int (*verdict)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setgid(65534) != 0 || setuid(65534) != 0 ? 100 : verdict());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

static int
sees_forbidden(void)
{
	struct vmirror_error err;
	struct ctl_found found;
	const struct ctl_socket *s, *dir;

	ctl_find(&found, dirs, 1, NULL);
	s = found_at(&found, "dpdk/rte/vmirror.1");
	dir = found_at(&found, "dpdk/other");
	if (s == NULL || s->state != CTL_SOCKET_DENIED)
		return 1;
	if (dir == NULL || dir->state != CTL_SOCKET_DENIED)
		return 2;
	ctl_found_none(&found, dirs, 1, NULL, &err);
	return strstr(err.text, "not permitted, be root, or of its group: /tmp/vmirror_unit.") ==
	       NULL;
}

static int
sees_foreign(void)
{
	struct ctl_found found;
	const struct ctl_socket *s;
	bool left_alone;

	dirs[0].anybodys = true;
	ctl_find(&found, dirs, 1, NULL);
	s = found_at(&found, "dpdk/rte/vmirror.1");
	left_alone = s != NULL && s->state == CTL_SOCKET_FOREIGN && s->fd == -1;
	ctl_found_fini(&found);
	return left_alone ? 0 : 1;
}

static void
forbidden(void **state)
{
	int live;

	if (geteuid() != 0)
		skip();
	live = make_socket("dpdk/rte/vmirror.1");
	chmod(folder, 0755);
	chmod(path_of("dpdk/rte/vmirror.1"), 0600);
	chmod(path_of("dpdk/other"), 0700);
	assert_int_equal(as_nobody(sees_forbidden), 0);
	close(live);
}

/* Where anybody may make a socket, those of others are left alone; root's are not. */
static void
foreign(void **state)
{
	int live, status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	chmod(folder, 0755);
	chmod(path_of("dpdk/rte"), 0777);
	pid = fork();
	if (pid == 0) {
		if (setuid(65534) != 0)
			_exit(1);
		make_socket("dpdk/rte/vmirror.1");
		pause();
	}
	while (access(path_of("dpdk/rte/vmirror.1"), F_OK) != 0)
		usleep(1000);
	usleep(100000);
	assert_int_equal(sees_foreign(), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);

	live = make_socket("dpdk/rte/vmirror.2");
	chmod(path_of("dpdk/rte/vmirror.2"), 0666);
	{
		struct ctl_found found;

		ctl_find(&found, dirs, 1, "2");
		assert_int_equal(ctl_found_live(&found, NULL), 1);
		ctl_found_fini(&found);
	}
	close(live);
}

static void
named_by_its_path(void **state)
{
	int live = make_socket("dpdk/rte/vmirror.1"), fd;
	struct vmirror_error err;
	char path[300];

	fd = ctl_connect(path_of("dpdk/rte/vmirror.1"), &err);
	assert_true(fd >= 0);
	close(fd);
	close(live);
	assert_int_equal(ctl_connect(path_of("dpdk/rte/vmirror.1"), &err), -ECONNREFUSED);
	assert_sentence(&err, "nobody is behind it; its process has ended");
	assert_int_equal(ctl_connect(path_of("nope"), &err), -ENOENT);
	assert_sentence(&err, "nope is not there; is the process running?");
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ctl_connect(path, &err), -ENAMETOOLONG);
	assert_sentence(&err, "longer than 107 bytes");
	fclose(fopen(path_of("file"), "w"));
	assert_int_equal(ctl_connect(path_of("file"), &err), -ECONNREFUSED);
}

static void
where_to_look(void **state)
{
	struct ctl_find_dir where[CTL_FIND_DIRS];

	setenv("RUNTIME_DIRECTORY", "/a", 1);
	setenv("XDG_RUNTIME_DIR", "/b", 1);
	assert_int_equal(ctl_find_dirs(where), 5);
	assert_string_equal(where[0].path, "/a");
	assert_string_equal(where[1].path, "/b");
	assert_string_equal(where[4].path, "/tmp");
	assert_true(where[4].anybodys);
	unsetenv("RUNTIME_DIRECTORY");
	setenv("XDG_RUNTIME_DIR", "", 1);
	assert_int_equal(ctl_find_dirs(where), 3);
	assert_string_equal(where[0].path, "/var/run");
	assert_false(where[0].anybodys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alive_and_dead, set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(one_directory_twice, set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(links, set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(nothing, set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(forbidden, set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(foreign, set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(named_by_its_path, set_up, folder_tear_down),
		cmocka_unit_test(where_to_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
