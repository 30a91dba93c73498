# What the lints share: finding the project's files, and reading C without
# being fooled by comments and strings.

package Source;

use strict;
use warnings;

use Exporter 'import';
use File::Find ();

our @EXPORT = qw(files slurp blank_comments blank_strings complain conclude);

my $complaints = 0;

# The files below the given places whose path matches, sorted.
sub files
{
	my ($pattern, @places) = @_;
	my @found;

	@places = grep { -e } @places or return;
	File::Find::find({ no_chdir => 1,
			wanted => sub { push @found, $_ if -f && /$pattern/ } }, @places);
	return sort @found;
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$in> // '';
}

# Comments become blanks; lines and columns stay what they are.
sub blank_comments
{
	my ($text) = @_;
	$text =~ s{("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(/\*.*?\*/|//[^\n]*)}
			  {defined $1 ? $1 : _blank($2)}ges;
	return $text;
}

# The insides of strings become blanks as well.
sub blank_strings
{
	my ($text) = @_;
	$text =~ s{"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'}
			  {defined $1 ? '"' . _blank($1) . '"' : "'" . _blank($2) . "'"}ge;
	return $text;
}

sub _blank
{
	my ($text) = @_;
	$text =~ s/[^\n\t]/ /g;
	return $text;
}

sub complain
{
	my ($file, $line, $what) = @_;
	print $line ? "$file:$line: $what\n" : "$file: $what\n";
	$complaints++;
	return;
}

# The last call of every lint: its exit status.
sub conclude
{
	exit($complaints ? 1 : 0);
}

1;
