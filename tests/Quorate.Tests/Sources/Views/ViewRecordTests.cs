using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Sources.Views;
using Xunit;

namespace Quorate.Tests.Sources.Views;

public sealed class ViewRecordTests
{
    static ViewRecord Record(string root = "/builds/amy", byte[]? bytes = null, uint time = 0) =>
        new(
            root + "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello",
            StorePath.Parse("/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello"),
            Sha256Digest.HashData(bytes ?? []),
            Sha256Digest.HashData([.. bytes ?? [], 1]),
            Sha256Digest.HashData([.. bytes ?? [], 2]),
            DateTimeOffset.FromUnixTimeMilliseconds(time),
            StorePath.Parse("/nix/store/3ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello")
        );

    [Fact]
    public void TryDecode_round_trips() =>
        Prop.ForAll<NonNull<string>, byte[], uint>(
                (root, bytes, time) =>
                {
                    var record = Record("/" + root.Get, bytes, time);
                    // What a line cannot hold is never kept.
                    return !ViewRecord.CanHold(record.Location)
                        || (ViewRecord.TryDecode(record.Encode(), out var read) && read == record)
                        || root.Get.Any(char.IsSurrogate);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void TryDecode_of_a_changed_file_never_succeeds() =>
        Prop.ForAll<PositiveInt, byte>(
                (at, with) =>
                {
                    var file = Record().Encode();
                    var i = at.Get % file.Length;
                    var same = file[i] == with;
                    file[i] = with;
                    return same || !ViewRecord.TryDecode(file, out _);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void TryDecode_of_a_part_or_of_more_never_succeeds()
    {
        var file = Record().Encode();
        Assert.All(Enumerable.Range(0, file.Length), length => Assert.False(ViewRecord.TryDecode(file.AsSpan(0, length), out _)));
        Assert.False(ViewRecord.TryDecode([.. file, (byte)'\n'], out _));
    }

    // A view has the name of its object; another would be another object's.
    [Fact]
    public void TryDecode_of_a_view_with_another_name_fails() =>
        Assert.False(
            ViewRecord.TryDecode(
                (Record() with { View = StorePath.Parse("/nix/store/3ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-other") }).Encode(),
                out _
            )
        );
}
