"""What a picture's file says besides its pixels: whether it is signed, and how it was made."""
