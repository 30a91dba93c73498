# Builds resolver.c, which lets a test say what names stand for, and which of
# them never have an answer.  A server that is started while this is preloaded
# asks it.
#
#	my $library = WbAutomations::Resolver::build() or plan skip_all => ...;
#	local $ENV{LD_PRELOAD} = $library;
#	local $ENV{WB_TEST_HOSTS} = 'private.test=10.0.0.1';
#	my $node = WbAutomations::Node->new('names');

package WbAutomations::Resolver;

use strict;
use warnings;

use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Utils;

# The library's path; undef where it cannot be built here.
sub build
{
	my $library = PostgreSQL::Test::Utils::tempdir_short() . '/resolver.so';
	my $is_built = eval {
		IPC::Run::run([ $ENV{CC} || 'cc', '-shared', '-fPIC', '-o', $library, "$FindBin::Bin/../perl/resolver.c", '-ldl' ],
			'>&', \my $output);
	};
	return $is_built ? $library : undef;
}

1;
