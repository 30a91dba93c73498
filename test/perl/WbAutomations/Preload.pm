# Builds a library of test/perl that is to be preloaded into a server, in front
# of the C library's: resolver.c, which lets a test say what names stand for,
# and which of them never have an answer; and faults.c, with which a disk is
# full or memory is gone while a test says so.  Or one that the server itself
# loads: callback_slots.c, which leaves other libraries little room.
#
#	my $library = WbAutomations::Preload::build('resolver') or plan skip_all => ...;
#	local $ENV{LD_PRELOAD} = $library;
#	local $ENV{WB_TEST_HOSTS} = 'private.test=10.0.0.1';
#	my $node = WbAutomations::Node->new('names');
#
#	my $module = WbAutomations::Preload::build_module('callback_slots') or ...;
#	conf => "shared_preload_libraries = '$module, wb_automations'"

package WbAutomations::Preload;

use strict;
use warnings;

use File::Temp ();
use FindBin;
use IPC::Run ();

my $directory = File::Temp->newdir('wb_preload_XXXXXX', TMPDIR => 1);

# The library's path; undef where it cannot be built here.
sub build
{
	my ($name, @options) = @_;
	my $library = "$directory/$name.so";
	my $is_built = eval {
		IPC::Run::run([ $ENV{CC} || 'cc', '-shared', '-fPIC', @options, '-o', $library, "$FindBin::Bin/../perl/$name.c", '-ldl' ],
			'>&', \my $output);
	};
	return $is_built ? $library : undef;
}

# The same of a module of the server, against the headers of the server.
sub build_module
{
	my ($name) = @_;
	my $is_found = IPC::Run::run([ $ENV{PG_CONFIG} || 'pg_config', '--includedir-server' ], '>', \my $headers);

	chomp $headers;
	return $is_found ? build($name, "-I$headers") : undef;
}

1;
