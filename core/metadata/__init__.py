"""What a picture's file says beside its pixels: that it is signed, and how it was made."""
